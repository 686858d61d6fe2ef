//===- LinearPacked.cpp - x W^T over packed weights, few rows -------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Few rows take as long as their weights take from memory, so that is what the
// kernel is made for. A block takes two panels, 32 outputs; its warps share the
// columns, tile by tile. Each warp has a ring of its own that asynchronous
// copies fill, 16 bytes a lane, so all bytes in flight are known, no register
// waits for one, and warps never wait for each other before the end.
//
// Weights are the left side of the products, 16 outputs each, and up to 8 rows
// their right side. Weights enter as the integers that they are stored as,
// which f16 holds exactly; each group's sum of products is scaled in f32:
//
//   sum = fma(scale, sum of q x over the group, sum)
//   sum = fma(offset, sum of x over the group, sum)     where there is one
//
// where the sum of x is a product with ones. So nothing is rounded but sums.
//
// A row's bits are its own: groups come in ascending order in each warp, warps
// in ascending order at the end, and their number follows from the shape.
//
// config: matrices, inputs, outputs, compute (f16);
// knobs:  row_tile, warps, stages
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Common/Config.h"
#include "lib/Kernels/Cuda/Linear.h"
#include "lib/Kernels/Cuda/PackedShape.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cuda;
using namespace tokopt::kernels;

namespace {

using cuda::Emitter;

/// The two numbers 1 in f16.
constexpr int64_t kOnes = 0x3C003C00;
/// Neighbouring outputs of a lane, and rows that it has of a product.
constexpr int64_t kLaneOutputs = 4, kLaneRows = 2;

/// Emits one kernel.
struct PackedEmitter : LinearEmitter {
  const PackedShape &shape;
  PackedInputs inputs;
  CopyRing ring;
  /// Where the warps' sums meet: of each matrix, of each warp.
  Val sumsBase;

  /// The block's first panel, and how many there are from it on.
  Val firstPanel, panelCount;

  PackedEmitter(Emitter &e, tok::KernelOp op, const PackedShape &shape,
                Block &entry)
      : LinearEmitter(e, op, entry), shape(shape),
        inputs(e.f16(), shape.rowTile),
        ring(e, CopyRing::Of::Warp, shape.stages, shape.stageBytes()),
        sumsBase(e.shared(shape.matrices * shape.warps * shape.sumBytes())) {}

  FragmentC zeros() {
    Val zero = e.zero(e.f32());
    return {{zero, zero, zero, zero}};
  }

  //===--- One tile ------------------------------------------------------===//

  /// Sums of each product of outputs with each of rows.
  struct Sums : ProductSums {
    using ProductSums::ProductSums;
    FragmentC &at(int64_t outputs, int64_t rows) {
      return products[rows * PackedTile::kProducts + outputs];
    }
  };

  /// Adds `factors`, one for each of the lane's outputs, times the sums of a
  /// product to `sum`.
  void addScaled(FragmentC &sum, const FragmentC &product, Val factors,
                 int64_t outputs) {
    for (int64_t j = 0; j < 4; ++j) {
      Val factor = e.extract(factors, 2 * outputs + j / kLaneRows);
      sum.sums[j] = e.fma(product.sums[j], factor, sum.sums[j]);
    }
  }

  void addGroup(const PackedTile::Group &group,
                ArrayRef<SmallVector<FragmentB>> right, Sums &sums) {
    Val one = e.i32(kOnes);
    FragmentA ones{e.f16(), {one, one, one, one}};
    for (auto [rows, steps] : llvm::enumerate(right)) {
      for (int64_t outputs = 0; outputs < PackedTile::kProducts; ++outputs) {
        FragmentC product = zeros();
        for (auto [step, each] : llvm::enumerate(steps)) {
          product = multiply(e, group.left[outputs][step], each, product);
          bool isEnd = step + 1 == steps.size();
          if (!group.isScaledByStep && !isEnd)
            continue;
          addScaled(sums.at(outputs, rows), product, group.scales[step],
                    outputs);
          product = zeros();
        }
      }
      if (!group.offset.value)
        continue;
      FragmentC total = zeros();
      for (const FragmentB &each : steps)
        total = multiply(e, ones, each, total);
      for (int64_t outputs = 0; outputs < PackedTile::kProducts; ++outputs)
        addScaled(sums.at(outputs, rows), total, group.offset, outputs);
    }
  }

  void addTile(const PackedTile &tile, Landed landed, Sums &sums) {
    Landed rows = landed.at(shape.weightBytes());
    for (int64_t group = 0; group < PackedTile::kGroups; ++group) {
      SmallVector<SmallVector<FragmentB>> right(shape.inputProducts());
      for (auto [product, steps] : llvm::enumerate(right))
        for (int64_t step = 0; step < PackedTile::kSteps; ++step)
          steps.push_back(inputs.read(e, rows, group, step, product));
      addGroup(tile.read(e, landed, group), right, sums);
    }
  }

  //===--- One matrix ----------------------------------------------------===//

  /// Runs over the warp's tiles of a matrix, in ascending order.
  Sums sumMatrix(int64_t matrix) {
    PackedTile tile(*shape.codecs[matrix]);
    const Codec &codec = tile.codec;
    int64_t stride = shape.columns / codec.blockColumns() * codec.panelBytes();
    PackedTile::Source source{
        e.offset(arguments.weights[matrix], wide(firstPanel) * stride), stride,
        panelCount, shape.columns / PackedTile::kGroupColumns};
    int64_t rowBytes = kernels::rowBytes(op.getInputs()[0].getType());
    Val rows = e.offset(arguments.inputs[0], firstRow * rowBytes);
    Val tiles = e.divide(e.i32(shape.tiles() + shape.warps - 1) - e.warp(),
                         e.i32(shape.warps));
    auto copyTile = [&](Val number) {
      e.when(e.less(number, tiles), [&] {
        Val tileNumber = number * shape.warps + e.warp();
        Val stage = ring.stage(number);
        tile.copy(e, source, tileNumber, stage);
        inputs.copy(e, rows, rowBytes, shape.columns, count, tileNumber,
                    e.offset(stage, shape.weightBytes()));
      });
      ring.commit();
    };

    // All lanes have read what the matrix before has left in the ring.
    if (matrix)
      e.warpBarrier();
    e.loop(e.i32(0), e.i32(ring.ahead()), 1, copyTile);
    Sums none;
    none.products.assign(PackedTile::kProducts * shape.inputProducts(),
                         zeros());
    return Sums(e.loop(e.i32(0), tiles, 1, none.vals(),
                       [&](Val number, ArrayRef<Val> before) {
                         Landed landed = ring.wait(number);
                         copyTile(number + ring.ahead());
                         Sums sums(before);
                         addTile(tile, landed, sums);
                         return sums.vals();
                       }));
  }

  //===--- The end -------------------------------------------------------===//

  /// The address of the sums of output 0 and row 0 of a warp.
  Val sumsOf(int64_t matrix, Val warp) {
    return e.offset(sumsBase, (warp + matrix * shape.warps) * shape.sumBytes());
  }

  void leaveSums(int64_t matrix, Sums &sums) {
    Val g = e.divide(e.lane(), e.i32(4)), t = e.remainder(e.lane(), e.i32(4));
    Val mine = e.offset(sumsOf(matrix, e.warp()),
                        t * (kLaneRows * PackedShape::kSumRowBytes) +
                            g * (4 * kLaneOutputs));
    for (int64_t rows = 0; rows < shape.inputProducts(); ++rows)
      for (int64_t i = 0; i < kLaneRows; ++i) {
        const FragmentC &low = sums.at(0, rows), &high = sums.at(1, rows);
        Val four = e.gather({low.sums[i], low.sums[kLaneRows + i], high.sums[i],
                             high.sums[kLaneRows + i]});
        e.storeChunks(four, e.offset(mine, (rows * kProductColumns + i) *
                                               PackedShape::kSumRowBytes));
      }
  }

  /// A thread adds the warps' sums of a row and four outputs.
  LogicalResult storeRows() {
    constexpr int64_t kRowThreads = PackedTile::kOutputs / kLaneOutputs;
    LogicalResult result = success();
    LinearEpilogue epilogue(e, op, arguments);
    auto vector = VectorType::get({kLaneOutputs}, e.f32());
    e.loop(e.thread(), count * kRowThreads, shape.threads(), [&](Val item) {
      Val row = e.divide(item, e.i32(kRowThreads)),
          output = e.remainder(item, e.i32(kRowThreads)) * kLaneOutputs;
      Vals totals;
      for (int64_t matrix = 0; matrix < shape.matrices; ++matrix) {
        Val total;
        for (int64_t warp = 0; warp < shape.warps; ++warp) {
          Val at = e.offset(sumsOf(matrix, e.i32(warp)),
                            row * PackedShape::kSumRowBytes + output * 4);
          Val sum = e.loadChunks(vector, at);
          total = warp ? total + sum : sum;
        }
        totals.push_back(total);
      }
      Val exists = e.less(e.divide(output, e.i32(kPanelRows)), panelCount);
      e.when(exists, [&] {
        result = epilogue.store(totals, firstRow + wide(row),
                                wide(firstPanel * kPanelRows + output));
      });
    });
    return result;
  }

  LogicalResult emitTile() {
    firstPanel = e.block(Axis::Y) * PackedTile::kPanels;
    panelCount = e.i32(shape.panels()) - firstPanel;
    for (int64_t matrix = 0; matrix < shape.matrices; ++matrix) {
      Sums sums = sumMatrix(matrix);
      leaveSums(matrix, sums);
    }
    e.barrier();
    return storeRows();
  }
};

} // namespace

LogicalResult cuda::emitPackedLinear(tok::KernelOp op, func::FuncOp function,
                                     const TargetDescription &target) {
  return emitLinear<PackedShape, PackedEmitter>(op, function, target);
}
