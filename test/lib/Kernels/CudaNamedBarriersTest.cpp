//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A warp hands numbers to another through one place, which named barriers keep
// them from using at a time; and what no block has.
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cuda/NamedBarriers.h"
#include "test/lib/Kernels/CudaTest.h"

#include "mlir/IR/Diagnostics.h"

using namespace tokopt;
using namespace tokopt::cuda;
using namespace tokopt::test;

namespace {

constexpr int64_t kRounds = 3;

/// y[round][lane] = x[round][31 - lane]: a warp stores rows of x, another loads
/// them.
void emitHandOver(mlir::func::FuncOp function,
                  const CudaArchitecture &architecture) {
  cuda::Emitter e(function, machineOf(architecture), 2 * kWarp);
  auto &entry = function.getBody().front();
  Val x = e.wrap(entry.getArgument(0)), y = e.wrap(entry.getArgument(1));
  Val place = e.shared(kWarp * 4);
  auto barriers = NamedBarriers::make(e, /*count=*/2, 2 * kWarp);
  ASSERT_TRUE(mlir::succeeded(barriers));
  Val isFilled = e.i32(0), isFree = e.i32(1);
  auto at = [&](Val base, Val number) { return e.offset(base, number * 4); };
  e.loop(e.i32(0), e.i32(kRounds), 1, [&](Val round) {
    Val row = round * kWarp;
    e.choose(
        e.equal(e.warp(), e.i32(0)), {},
        [&] {
          e.store(e.load(e.f32(), at(x, row + e.lane())), at(place, e.lane()));
          barriers->arrive(isFilled);
          barriers->sync(isFree);
          return Vals();
        },
        [&] {
          barriers->sync(isFilled);
          Val other = e.i32(kWarp - 1) - e.lane();
          e.store(e.load(e.f32(), at(place, other)), at(y, row + e.lane()));
          barriers->arrive(isFree);
          return Vals();
        });
  });
  e.finish({});
}

struct CudaNamedBarriersTest : testing::TestWithParam<CudaArchitecture> {};

TEST_P(CudaNamedBarriersTest, HandOver) {
  CudaKernelUnderTest test(2, GetParam(), [&](mlir::func::FuncOp function) {
    emitHandOver(function, GetParam());
  });
  ASSERT_EQ(test.problem(), "");
  DeviceRows from(test.simulator(), "x", kRounds, kWarp, false, true),
      to(test.simulator(), "y", kRounds, kWarp, false, false);
  std::mt19937 random(1);
  from.fill(random);
  for (uint32_t seed : {0, 1}) {
    test.run(1, {from.address(), to.address()}, seed);
    for (int64_t round = 0; round < kRounds; ++round)
      for (int64_t i = 0; i < kWarp; ++i)
        EXPECT_EQ(to.get(round, i), from.get(round, kWarp - 1 - i));
  }
  EXPECT_THAT(test.code().ptx, testing::HasSubstr("bar.arrive"));
  expectAssembles(test.code(), GetParam());
}

INSTANTIATE_TEST_SUITE_P(Architectures, CudaNamedBarriersTest,
                         testing::ValuesIn(getCudaArchitectures()),
                         [](const auto &info) {
                           return info.param.name.str();
                         });

/// Errors name the template's line, what a block has and what was asked for.
TEST(CudaNamedBarriers, AreThoseOfABlock) {
  const CudaArchitecture &architecture = getCudaArchitectures().front();
  CudaKernelUnderTest test(0, architecture, [&](mlir::func::FuncOp function) {
    cuda::Emitter e(function, machineOf(architecture), 8 * kWarp);
    std::string said;
    mlir::ScopedDiagnosticHandler handler(
        function.getContext(), [&](mlir::Diagnostic &diagnostic) {
          auto place =
              mlir::cast<mlir::FileLineColLoc>(diagnostic.getLocation());
          EXPECT_TRUE(place.getFilename().getValue().ends_with(
              "CudaNamedBarriersTest.cpp"));
          said = diagnostic.str();
          return mlir::success();
        });
    auto errorOf = [&](int64_t count, int64_t threads) {
      said.clear();
      EXPECT_EQ(mlir::failed(NamedBarriers::make(e, count, threads)),
                !said.empty());
      return said;
    };
    for (int64_t threads : {0, 48, 288})
      EXPECT_EQ(errorOf(1, threads),
                "expects the threads of a named barrier to be whole warps of "
                "the block, which has 256 threads, but got " +
                    std::to_string(threads));
    EXPECT_EQ(errorOf(10, 64), "");
    EXPECT_EQ(errorOf(6, 256),
              "expects at most 5 named barriers, what is left of the 15 of a "
              "block, but got 6");
    EXPECT_EQ(errorOf(5, 256), "");
    EXPECT_THAT(errorOf(1, 32), testing::HasSubstr("at most 0 named barriers"));
    e.finish({});
  });
  EXPECT_EQ(test.problem(), "");
}

} // namespace
