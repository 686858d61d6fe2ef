//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The words of tensor cores, on integers, so that results are exact: copies
// through a ring into swizzled tiles, fragments by ldmatrix in each of its
// ways, products.
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cuda/Matrices.h"
#include "test/lib/Kernels/CudaTest.h"

#include "llvm/Support/raw_ostream.h"

#include <cmath>
#include <cstring>

using namespace tokopt;
using namespace tokopt::cuda;
using namespace tokopt::test;

namespace {

using Operand = FragmentReader::Operand;

/// Steps of the depth, each a tile of the ring.
constexpr int64_t kSteps = 3, kDepth = 64, kRows = 16, kColumns = 64;

/// How the right matrix lies in memory, how many columns of it are read at a
/// time, and what is multiplied.
struct Product {
  const char *name;
  bool isTransposed;
  int64_t atOnce;
  bool isBrain;
};

const CudaArchitecture &architecture() {
  return *findCudaArchitecture("sm_80");
}

const TargetDescription &machine() { return machineOf(architecture()); }

/// Emits y[16][64] = sum over steps of x[step][16][64] w[step], where w[step]
/// is [columns][depth], or [depth][columns].
void emitProduct(mlir::func::FuncOp function, const Product &what) {
  cuda::Emitter e(function, machine(), kWarp);
  auto &entry = function.getBody().front();
  Val x = e.wrap(entry.getArgument(0)), w = e.wrap(entry.getArgument(1)),
      y = e.wrap(entry.getArgument(2));
  mlir::Type element =
      what.isBrain ? mlir::Type(e.builder.getBF16Type()) : mlir::Type(e.f16());
  SwizzledTile left(element, kRows, kDepth), right(element, kColumns, kDepth);
  CopyRing ring(e, /*stages=*/3, left.bytes() + right.bytes());
  auto copyTile = [&](const SwizzledTile &tile, Val from, Val to) {
    Val row = e.divide(e.lane(), e.i32(tile.chunks())),
        chunk = e.remainder(e.lane(), e.i32(tile.chunks()));
    int64_t rowsAtOnce = kWarp / tile.chunks();
    for (int64_t r = 0; r < tile.rows; r += rowsAtOnce)
      e.copyAsync(
          e.offset(to, tile.place(row + r, chunk)),
          e.offset(from, (row + r) * tile.rowBytes() + chunk * kChunkBytes));
  };
  auto copyStep = [&](Val step) {
    Val to = ring.stage(step);
    copyTile(left, e.offset(x, step * left.bytes()), to);
    copyTile(right, e.offset(w, step * right.bytes()),
             e.offset(to, left.bytes()));
  };
  for (int64_t step = 0; step < ring.ahead(); ++step) {
    copyStep(e.i32(step));
    ring.commit();
  }
  FragmentReader leftReader(e, left, Operand::A);
  FragmentReader rightReader(
      e, right, what.isTransposed ? Operand::RowsOfB : Operand::ColumnsOfB);
  Vals sums(kColumns / kProductColumns * 4, e.zero(e.f32()));
  sums = e.loop(
      e.i32(0), e.i32(kSteps), 1, sums,
      [&](Val step, llvm::ArrayRef<Val> carried) {
        Landed landed = ring.wait(step);
        Val next = step + ring.ahead();
        e.when(e.less(next, e.i32(kSteps)), [&] { copyStep(next); });
        ring.commit();
        Vals after(carried);
        auto add = [&](const FragmentA &a, const FragmentB &b, int64_t n) {
          Val *s = &after[n / kProductColumns * 4];
          FragmentC c = multiply(e, a, b, {{s[0], s[1], s[2], s[3]}});
          std::copy(c.sums.begin(), c.sums.end(), s);
        };
        for (int64_t k = 0; k < kDepth; k += kProductDepth) {
          FragmentA a = leftReader.readA(landed, 0, k);
          for (int64_t n = 0; n < kColumns; n += what.atOnce) {
            int64_t row = what.isTransposed ? k : n,
                    column = what.isTransposed ? n : k;
            if (what.atOnce == kProductColumns) {
              add(a, rightReader.readB(landed.at(left.bytes()), row, column),
                  n);
              continue;
            }
            auto [low, high] =
                rightReader.readTwoB(landed.at(left.bytes()), row, column);
            add(a, low, n);
            add(a, high, n + kProductColumns);
          }
        }
        return after;
      });
  Val row = e.divide(e.lane(), e.i32(4)),
      column = e.remainder(e.lane(), e.i32(4)) * 2;
  for (int64_t i = 0, n = sums.size(); i < n; i += 2)
    e.storeChunks(e.gather({sums[i], sums[i + 1]}),
                  e.offset(y, (row + i % 4 / 2 * 8) * (4 * kColumns) +
                                  (column + i / 4 * 8) * 4));
  e.finish({});
}

struct CudaMatricesTest : testing::TestWithParam<Product> {};

TEST_P(CudaMatricesTest, MultipliesExactly) {
  const Product &what = GetParam();
  CudaKernelUnderTest test(3, architecture(), [&](mlir::func::FuncOp function) {
    emitProduct(function, what);
  });
  ASSERT_EQ(test.problem(), "");
  // Small integers have few bits in either format: their upper ones.
  auto fill = [&](const char *name, int64_t elements, int64_t seed) {
    uint8_t *data =
        llvm::cantFail(test.simulator().addBuffer(name, 2 * elements, true));
    std::vector<int> numbers;
    std::mt19937 random(seed);
    for (int64_t i = 0; i < elements; ++i) {
      numbers.push_back(static_cast<int>(random() % 9) - 4);
      llvm::APFloat number(static_cast<float>(numbers.back()));
      bool loses;
      number.convert(what.isBrain ? llvm::APFloat::BFloat()
                                  : llvm::APFloat::IEEEhalf(),
                     llvm::APFloat::rmNearestTiesToEven, &loses);
      auto bits = static_cast<uint16_t>(number.bitcastToAPInt().getZExtValue());
      std::memcpy(data + 2 * i, &bits, 2);
    }
    return std::pair(reinterpret_cast<uint64_t>(data), numbers);
  };
  auto [x, left] = fill("x", kSteps * kRows * kDepth, 1);
  auto [w, right] = fill("w", kSteps * kColumns * kDepth, 2);
  uint8_t *y = llvm::cantFail(
      test.simulator().addBuffer("y", 4 * kRows * kColumns, false));
  test.run(1, {x, w, reinterpret_cast<uint64_t>(y)});
  for (int64_t m = 0; m < kRows; ++m)
    for (int64_t n = 0; n < kColumns; ++n) {
      int sum = 0;
      for (int64_t s = 0; s < kSteps; ++s)
        for (int64_t k = 0; k < kDepth; ++k) {
          int64_t at = what.isTransposed ? k * kColumns + n : n * kDepth + k;
          sum += left[(s * kRows + m) * kDepth + k] *
                 right[s * kColumns * kDepth + at];
        }
      float found;
      std::memcpy(&found, y + 4 * (m * kColumns + n), 4);
      ASSERT_EQ(found, sum) << "row " << m << ", column " << n;
    }
  expectAssembles(test.code(), architecture());
}

INSTANTIATE_TEST_SUITE_P(
    Products, CudaMatricesTest,
    testing::Values(Product{"columns_by_two", false, 16, false},
                    Product{"rows_by_two", true, 16, false},
                    Product{"columns_by_one_bf16", false, 8, true},
                    Product{"rows_by_one_bf16", true, 8, true}),
    [](const auto &info) { return info.param.name; });

/// Rounds to nearest, ties to even, and puts the first value into the low half.
TEST(CudaWords, Pack) {
  // Ties, the smallest and largest numbers, overflow, what has no number; with
  // the bits of f16 and of bf16.
  struct {
    float number;
    uint16_t half, brain;
  } const cases[] = {{1, 0x3c00, 0x3f80},
                     {-0.0f, 0x8000, 0x8000},
                     {0x1.002p0f, 0x3c00, 0x3f80},
                     {0x1.006p0f, 0x3c02, 0x3f80},
                     {0x1.01p0f, 0x3c04, 0x3f80},
                     {0x1.03p0f, 0x3c0c, 0x3f82},
                     {65504, 0x7bff, 0x4780},
                     {65520, 0x7c00, 0x4780},
                     {0x1p-24f, 0x0001, 0x3380},
                     {0x1p-25f, 0x0000, 0x3300},
                     {0x1.8p-25f, 0x0001, 0x3340},
                     {-0x1p-14f, 0x8400, 0xb880},
                     {0x1p-126f, 0x0000, 0x0080},
                     {0x1p-133f, 0x0000, 0x0001},
                     {0x1.fffp127f, 0x7c00, 0x7f80},
                     {INFINITY, 0x7c00, 0x7f80},
                     {-INFINITY, 0xfc00, 0xff80},
                     {3.14159f, 0x4248, 0x4049},
                     {-2.71828f, 0xc170, 0xc02e},
                     {1e-30f, 0x0000, 0x0da2}};
  CudaKernelUnderTest test(2, architecture(), [&](mlir::func::FuncOp function) {
    cuda::Emitter e(function, machine(), kWarp);
    auto &entry = function.getBody().front();
    Val at = e.offset(e.wrap(entry.getArgument(0)), e.lane() * 8),
        to = e.offset(e.wrap(entry.getArgument(1)), e.lane() * 8);
    Val low = e.load(e.f32(), at), high = e.load(e.f32(), at, 4);
    e.store(e.pack(low, high, e.f16()), to);
    e.store(e.pack(low, high, e.builder.getBF16Type()), to, 4);
    e.finish({});
  });
  ASSERT_EQ(test.problem(), "");
  uint8_t *x = llvm::cantFail(test.simulator().addBuffer("x", 256, true));
  uint8_t *y = llvm::cantFail(test.simulator().addBuffer("y", 256, false));
  for (size_t i = 0; i < std::size(cases); ++i)
    std::memcpy(x + 4 * i, &cases[i].number, 4);
  test.run(1, {reinterpret_cast<uint64_t>(x), reinterpret_cast<uint64_t>(y)});
  for (size_t i = 0; i < std::size(cases); ++i) {
    uint16_t bits[2];
    for (size_t brain : {0, 1})
      std::memcpy(&bits[brain], y + 8 * (i / 2) + 4 * brain + 2 * (i % 2), 2);
    EXPECT_EQ(bits[0], cases[i].half) << cases[i].number;
    EXPECT_EQ(bits[1], cases[i].brain) << cases[i].number;
  }
  expectAssembles(test.code(), architecture());
}

TEST(CudaWords, Exp2) {
  constexpr int64_t kCount = 4096;
  CudaKernelUnderTest test(2, architecture(), [&](mlir::func::FuncOp function) {
    cuda::Emitter e(function, machine(), kWarp);
    auto &entry = function.getBody().front();
    e.loop(e.lane() * 4, e.i32(4 * kCount), 4 * kWarp, [&](Val at) {
      Val x = e.load(e.f32(), e.offset(e.wrap(entry.getArgument(0)), at));
      e.store(e.exp2(x), e.offset(e.wrap(entry.getArgument(1)), at));
    });
    e.finish({});
  });
  ASSERT_EQ(test.problem(), "");
  std::vector<float> x = {0, -0.0f, -127, -128, -1e30f, -INFINITY, 1, -1, 126};
  std::mt19937 random(1);
  std::uniform_real_distribution<float> unit(-125, 1);
  while (x.size() < kCount)
    x.push_back(unit(random));
  uint8_t *from =
      llvm::cantFail(test.simulator().addBuffer("x", 4 * kCount, true));
  uint8_t *to =
      llvm::cantFail(test.simulator().addBuffer("y", 4 * kCount, false));
  std::memcpy(from, x.data(), 4 * kCount);
  test.run(1,
           {reinterpret_cast<uint64_t>(from), reinterpret_cast<uint64_t>(to)});
  std::vector<float> y(kCount);
  std::memcpy(y.data(), to, 4 * kCount);
  EXPECT_EQ(std::vector<float>(y.begin(), y.begin() + 9),
            (std::vector<float>{1, 1, 0, 0, 0, 0, 2, 0.5, 0x1p126f}));
  for (int64_t i = 9; i < kCount; ++i)
    EXPECT_NEAR(y[i] / std::exp2(double(x[i])), 1, 3e-6) << x[i];
}

} // namespace
