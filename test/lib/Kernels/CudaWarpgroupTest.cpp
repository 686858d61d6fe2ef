//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The words of sm_90a, on integers, so that results are exact: boxes of tensors
// through a ring that one thread fills, in each way in which chunks can be
// swizzled; products of a warpgroup with matrices that lie by rows or by
// columns there, or in registers.
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cuda/Warpgroup.h"
#include "test/lib/Kernels/CudaTest.h"

#include <cstring>

using namespace tokopt;
using namespace tokopt::cuda;
using namespace tokopt::test;

namespace {

using Lies = WarpgroupOperand::Lies;

/// Steps of the depth, each a stage of the ring.
constexpr int64_t kSteps = 3, kStages = 2, kDepth = 64;

struct Product {
  const char *name;
  Swizzle swizzle;
  Lies left, right;
  bool leftInRegisters;
  int64_t columns;
  bool isBrain;
};

const CudaArchitecture &architecture() {
  return *findCudaArchitecture("sm_90a");
}

const TargetDescription &machine() { return machineOf(architecture()); }

/// A matrix of `size` rows or columns of a product and the depth of a step.
PanelTile tileOf(mlir::Type element, Lies lies, int64_t size, Swizzle swizzle) {
  bool byRows = lies == Lies::ByRows;
  return {element, byRows ? size : kDepth, byRows ? kDepth : size, swizzle};
}

/// Emits y[64][columns] = sum over steps of x[step] w[step], where x[step] is
/// [64][depth] or [depth][64], w[step] [columns][depth] or [depth][columns].
void emitProduct(mlir::func::FuncOp function, const Product &what) {
  // A warpgroup multiplies, and a thread of the next warp copies.
  cuda::Emitter e(function, machine(), kWarpgroup + kWarp);
  auto &entry = function.getBody().front();
  Val x = e.wrap(entry.getArgument(0)), y = e.wrap(entry.getArgument(2));
  mlir::Type element =
      what.isBrain ? mlir::Type(e.builder.getBF16Type()) : mlir::Type(e.f16());
  PanelTile left = tileOf(element, what.left, kWarpgroupRows, what.swizzle),
            right = tileOf(element, what.right, what.columns, what.swizzle);
  TensorMap leftMap = TensorMap::ofBuffer(e, 0, left, left.columns,
                                          kSteps * left.rows, 2 * left.columns),
            rightMap = TensorMap::ofBuffer(e, 1, right, right.columns,
                                           /*rows=*/-1, 2 * right.columns);
  int64_t leftBytes = what.leftInRegisters ? 0 : left.bytes();
  TensorRing ring(e, kStages, leftBytes + right.bytes(), /*readers=*/1);
  e.when(e.equal(e.thread(), e.i32(0)), [&] {
    ring.init();
    publishMbarriers(e);
  });
  e.barrier();
  e.when(e.equal(e.thread(), e.i32(kWarpgroup)), [&] {
    e.loop(e.i32(0), e.i32(kSteps), 1, [&](Val step) {
      Val to = ring.fill(step);
      if (!what.leftInRegisters)
        copyTile(e, leftMap, step * left.rows, to, ring.filledAt(step));
      copyTile(e, rightMap, step * right.rows, e.offset(to, leftBytes),
               ring.filledAt(step));
    });
  });
  Val row = e.warp() * 16 + e.divide(e.lane(), e.i32(4)),
      column = e.remainder(e.lane(), e.i32(4)) * 2;
  auto loadLeft = [&](Val step, int64_t k) {
    Val at = e.offset(x, (step * kWarpgroupRows + row) * (2 * kDepth) +
                             (column + k) * 2);
    auto pair = [&](int64_t rows, int64_t columns) {
      return e.load(e.i32(), at, rows * 2 * kDepth + columns * 2);
    };
    return FragmentA{element, {pair(0, 0), pair(8, 0), pair(0, 8), pair(8, 8)}};
  };
  e.when(e.less(e.thread(), e.i32(kWarpgroup)), [&] {
    Vals start(what.columns / 2, e.zero(e.f32()));
    Vals results = e.loop(
        e.i32(0), e.i32(kSteps), 1, start,
        [&](Val step, llvm::ArrayRef<Val> carried) {
          WarpgroupSums sums;
          for (size_t i = 0; i < carried.size(); i += 4)
            sums.push_back(
                {{carried[i], carried[i + 1], carried[i + 2], carried[i + 3]}});
          llvm::SmallVector<FragmentA> fragments;
          for (int64_t k = 0; what.leftInRegisters && k < kDepth; k += 16)
            fragments.push_back(loadLeft(step, k));
          Landed landed = ring.wait(step);
          WarpgroupOperand leftOperand(e, left, what.left, landed),
              rightOperand(e, right, what.right, landed.at(leftBytes));
          auto slice = [](const WarpgroupOperand &operand, int64_t k) {
            bool byRows = operand.lies == Lies::ByRows;
            return WarpgroupSlice{operand, byRows ? 0 : k, byRows ? k : 0};
          };
          SumsInFlight flight = fence(e, sums, fragments);
          for (int64_t k = 0; k < kDepth; k += 16)
            flight =
                what.leftInRegisters
                    ? multiply(e, fragments[k / 16], slice(rightOperand, k),
                               what.columns, &flight)
                    : multiply(e, slice(leftOperand, k), slice(rightOperand, k),
                               what.columns, &flight);
          commitProducts(e);
          sums = wait(e, 0, flight);
          e.when(e.equal(e.thread(), e.i32(0)), [&] { ring.release(step); });
          Vals after;
          for (const FragmentC &fragment : sums)
            after.append(fragment.sums.begin(), fragment.sums.end());
          return after;
        });
    for (int64_t i = 0, n = results.size(); i < n; i += 2)
      e.storeChunks(e.gather({results[i], results[i + 1]}),
                    e.offset(y, (row + i % 4 / 2 * 8) * (4 * what.columns) +
                                    (column + i / 4 * 8) * 4));
  });
  e.finish({});
}

struct CudaWarpgroupTest : testing::TestWithParam<Product> {};

TEST_P(CudaWarpgroupTest, MultipliesExactly) {
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
  int64_t leftSize = kWarpgroupRows * kDepth, rightSize = what.columns * kDepth;
  auto [x, left] = fill("x", kSteps * leftSize, 1);
  auto [w, right] = fill("w", kSteps * rightSize, 2);
  uint8_t *y = llvm::cantFail(test.simulator().addBuffer(
      "y", 4 * kWarpgroupRows * what.columns, false));
  // Another order of threads changes nothing.
  for (uint32_t seed : {0, 1})
    test.run(1,
             {x, w, reinterpret_cast<uint64_t>(y),
              test.addMap(0, x, 2 * kSteps * leftSize),
              test.addMap(1, w, 2 * kSteps * rightSize)},
             seed);
  auto at = [](Lies lies, int64_t index, int64_t k, int64_t size) {
    return lies == Lies::ByRows ? index * kDepth + k : k * size + index;
  };
  for (int64_t m = 0; m < kWarpgroupRows; ++m)
    for (int64_t n = 0; n < what.columns; ++n) {
      int sum = 0;
      for (int64_t s = 0; s < kSteps; ++s)
        for (int64_t k = 0; k < kDepth; ++k)
          sum += left[s * leftSize + at(what.left, m, k, kWarpgroupRows)] *
                 right[s * rightSize + at(what.right, n, k, what.columns)];
      float found;
      std::memcpy(&found, y + 4 * (m * what.columns + n), 4);
      ASSERT_EQ(found, sum) << "row " << m << ", column " << n;
    }
  expectAssembles(test.code(), architecture());
}

INSTANTIATE_TEST_SUITE_P(
    Products, CudaWarpgroupTest,
    testing::Values(Product{"rows_128", Swizzle::Bytes128, Lies::ByRows,
                            Lies::ByRows, false, 128, false},
                    Product{"rows_64", Swizzle::Bytes64, Lies::ByRows,
                            Lies::ByRows, false, 24, true},
                    Product{"rows_32", Swizzle::Bytes32, Lies::ByRows,
                            Lies::ByRows, false, 8, false},
                    Product{"rows_none", Swizzle::None, Lies::ByRows,
                            Lies::ByRows, false, 16, true},
                    Product{"columns_128", Swizzle::Bytes128, Lies::ByColumns,
                            Lies::ByColumns, false, 128, true},
                    Product{"columns_64", Swizzle::Bytes64, Lies::ByColumns,
                            Lies::ByColumns, false, 64, false},
                    Product{"columns_32", Swizzle::Bytes32, Lies::ByColumns,
                            Lies::ByColumns, false, 32, true},
                    Product{"columns_none", Swizzle::None, Lies::ByColumns,
                            Lies::ByColumns, false, 16, false},
                    Product{"registers_rows", Swizzle::Bytes128, Lies::ByRows,
                            Lies::ByRows, true, 64, false},
                    Product{"registers_columns", Swizzle::Bytes128,
                            Lies::ByRows, Lies::ByColumns, true, 64, true}),
    [](const auto &info) { return info.param.name; });

} // namespace
