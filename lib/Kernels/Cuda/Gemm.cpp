//===- Gemm.cpp - x W^T over weights of f16 or bf16, many rows ------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A block takes a tile of rows and 128 outputs, or 64 if the tile is small.
// Asynchronous copies bring the next 64 columns of both while tensor cores
// multiply those that are there; sums stay in registers. Inputs are the left
// side of the products; a panel of weights has 16 outputs side by side for each
// column, which is the right side by rows.
//
// A row's bits are its own: all its columns are summed in ascending order, 16
// at a time, by one warp, whatever the tile. Columns beyond the last, and rows
// and outputs that do not exist, are zeros.
//
// config: matrices, inputs, outputs, compute (f16, bf16, as the weights are);
// knobs:  row_tile, stages
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cuda/GemmShape.h"

#include "lib/Kernels/Common/Config.h"
#include "lib/Kernels/Cuda/Linear.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cuda;
using namespace tokopt::kernels;

namespace {

using cuda::Emitter;

/// Sums of a product that a lane has of a row.
constexpr int64_t kLaneSums = 2;
/// Outputs that two products side by side have: those of a panel.
constexpr int64_t kPieceOutputs = 2 * kProductColumns;
constexpr int64_t kPieces = GemmShape::kWarpOutputs / kPieceOutputs;
static_assert(kPieceOutputs == kPanelRows);

/// Emits one kernel.
struct GemmEmitter : LinearEmitter {
  const GemmShape &shape;
  const SwizzledTile inputTile, weightTile;
  CopyRing ring;
  /// Where the warp's rows and outputs begin in the block's tile, i32.
  const Val warpRow, warpColumn;
  FragmentReader inputReader, weightReader;

  /// The block's first panel.
  Val firstPanel;

  GemmEmitter(Emitter &e, tok::KernelOp op, const GemmShape &shape,
              Block &entry)
      : LinearEmitter(e, op, entry), shape(shape), inputTile(shape.inputTile()),
        weightTile(shape.weightTile()),
        ring(e, shape.stages, shape.stageBytes()),
        warpRow(e.divide(e.warp(), e.i32(shape.warpColumns())) *
                (shape.rowProducts() * kProductRows)),
        warpColumn(e.remainder(e.warp(), e.i32(shape.warpColumns())) *
                   (GemmShape::kWarpOutputs / shape.matrices)),
        inputReader(e, inputTile, FragmentReader::Operand::A, warpRow,
                    e.i32(0)),
        weightReader(e, weightTile, FragmentReader::Operand::RowsOfB, e.i32(0),
                     warpColumn) {}

  Val bytesIf(Val exists) {
    return e.select(exists, e.i32(kChunkBytes), e.i32(0));
  }

  //===--- Copies --------------------------------------------------------===//

  /// Threads side by side copy chunks of a row side by side.
  void copyInputs(Val step, Val to) {
    int64_t rowBytes = kernels::rowBytes(op.getInputs()[0].getType());
    int64_t rowsAtOnce = shape.threads() / inputTile.chunks();
    Val row = e.divide(e.thread(), e.i32(inputTile.chunks())),
        chunk = e.remainder(e.thread(), e.i32(inputTile.chunks()));
    Val target = e.offset(to, inputTile.place(row, chunk));
    Val column =
        step * GemmShape::kDepth + chunk * SwizzledTile::kChunkElements;
    Val from = e.offset(arguments.inputs[0],
                        (firstRow + wide(row)) * rowBytes + wide(column) * 2);
    for (int64_t first = 0; first < shape.rowTile; first += rowsAtOnce) {
      Val exists = e.both(e.less(row + first, count),
                          e.less(column, e.i32(shape.columns)));
      e.copyAsync(e.offset(target, first * inputTile.rowBytes()),
                  e.offset(from, first * rowBytes), bytesIf(exists));
    }
  }

  /// A column of a panel is two chunks. Threads side by side copy one of eight
  /// columns and then the other, so that they meet in no bank where they write.
  void copyWeights(Val step, Val to) {
    constexpr int64_t kColumnChunks = 2, kGroup = SwizzledTile::kPeriod;
    constexpr int64_t kPanelChunks = kColumnChunks * GemmShape::kDepth;
    constexpr int64_t kColumnBytes = kColumnChunks * kChunkBytes;
    // So many chunks of so many panels are copied at once; the thread's are of
    // panel `threadPanel`.
    int64_t chunksAtOnce = std::min(kPanelChunks, shape.threads()),
            panelsAtOnce = shape.threads() / chunksAtOnce;
    Val threadPanel = e.divide(e.thread(), e.i32(chunksAtOnce));
    Val chunk = e.remainder(e.thread(), e.i32(chunksAtOnce));
    Val half =
        e.remainder(e.divide(chunk, e.i32(kGroup)), e.i32(kColumnChunks));
    Val firstK = e.divide(chunk, e.i32(kColumnChunks * kGroup)) * kGroup +
                 e.remainder(chunk, e.i32(kGroup));
    for (int64_t ks = 0; ks < GemmShape::kDepth;
         ks += chunksAtOnce / kColumnChunks) {
      Val k = firstK + ks, column = step * GemmShape::kDepth + k;
      Val within = wide(column) * kColumnBytes + wide(half) * kChunkBytes;
      Val isColumn = e.less(column, e.i32(shape.columns));
      for (int64_t first = 0; first < shape.matrices * shape.blockPanels();
           first += panelsAtOnce) {
        int64_t matrix = first / shape.blockPanels();
        Val panel = firstPanel + threadPanel + first % shape.blockPanels();
        Val from =
            e.offset(arguments.weights[matrix],
                     wide(panel) * (shape.columns * kColumnBytes) + within);
        Val exists = e.both(isColumn, e.less(panel, e.i32(shape.panels())));
        Val place =
            weightTile.place(k, (threadPanel + first) * kColumnChunks + half);
        e.copyAsync(e.offset(to, place), from, bytesIf(exists));
      }
    }
  }

  void copyStep(Val step) {
    Val stage = ring.stage(step);
    copyInputs(step, stage);
    copyWeights(step, e.offset(stage, inputTile.bytes()));
  }

  //===--- Products ------------------------------------------------------===//

  /// Sums of each product of the warp: of 16 rows and 8 outputs.
  struct Sums : ProductSums {
    using ProductSums::ProductSums;
    FragmentC &at(int64_t rows, int64_t piece, int64_t half) {
      return products[(rows * kPieces + piece) * 2 + half];
    }
  };

  /// Where piece `piece` of the warp begins in the block's outputs, beyond the
  /// warp's column: the second is of the other matrix if there are two.
  int64_t pieceColumn(int64_t piece) const {
    return piece * (shape.matrices == 1 ? kPieceOutputs
                                        : shape.blockPanels() * kPanelRows);
  }

  void addStep(Landed inputs, Landed weights, Sums &sums) {
    for (int64_t k = 0; k < GemmShape::kDepth; k += kProductDepth) {
      SmallVector<FragmentA> left;
      for (int64_t rows = 0; rows < shape.rowProducts(); ++rows)
        left.push_back(inputReader.readA(inputs, rows * kProductRows, k));
      for (int64_t piece = 0; piece < kPieces; ++piece) {
        std::array<FragmentB, 2> right =
            weightReader.readTwoB(weights, k, pieceColumn(piece));
        for (auto [rows, each] : llvm::enumerate(left))
          for (int64_t half = 0; half < 2; ++half) {
            FragmentC &sum = sums.at(rows, piece, half);
            sum = multiply(e, each, right[half], sum);
          }
      }
    }
  }

  Sums sumColumns() {
    Val end = e.i32(shape.steps());
    auto copyNext = [&](Val step) {
      e.when(e.less(step, end), [&] { copyStep(step); });
      ring.commit();
    };
    e.loop(e.i32(0), e.i32(ring.ahead()), 1, copyNext);
    Val zero = e.zero(e.f32());
    Sums none;
    none.products.assign(shape.rowProducts() * kPieces * 2,
                         {{zero, zero, zero, zero}});
    return Sums(e.loop(e.i32(0), end, 1, none.vals(),
                       [&](Val step, ArrayRef<Val> before) {
                         Landed landed = ring.wait(step);
                         copyNext(step + ring.ahead());
                         Sums sums(before);
                         addStep(landed, landed.at(inputTile.bytes()), sums);
                         return sums.vals();
                       }));
  }

  //===--- The end -------------------------------------------------------===//

  /// Four neighbouring sums of a row. Of each two lanes, which have two each of
  /// two rows, the even one takes the first row.
  Val gatherRow(const FragmentC &product, Val isEven) {
    Vals own, other;
    for (int64_t i = 0; i < kLaneSums; ++i) {
      Val first = product.sums[i], second = product.sums[kLaneSums + i];
      own.push_back(e.select(isEven, first, second));
      other.push_back(e.shuffleXor(e.select(isEven, second, first), 1));
    }
    Vals four;
    for (int64_t i = 0; i < kLaneSums; ++i)
      four.push_back(e.select(isEven, own[i], other[i]));
    for (int64_t i = 0; i < kLaneSums; ++i)
      four.push_back(e.select(isEven, other[i], own[i]));
    return e.gather(four);
  }

  LogicalResult storeRows(Sums &sums) {
    LinearEpilogue epilogue(e, op, arguments);
    LogicalResult result = success();
    Val g = e.divide(e.lane(), e.i32(4)), t = e.remainder(e.lane(), e.i32(4));
    Val isEven = e.equal(e.remainder(t, e.i32(2)), e.i32(0));
    Val laneRow = g + e.select(isEven, e.i32(0), e.i32(kProductRows / 2));
    Val laneOutput = e.divide(t, e.i32(2)) * 4;
    int64_t outputPieces = kPieces / shape.matrices;
    for (int64_t rows = 0; rows < shape.rowProducts(); ++rows)
      for (int64_t piece = 0; piece < outputPieces; ++piece)
        for (int64_t half = 0; half < 2; ++half) {
          Vals values;
          for (int64_t matrix = 0; matrix < shape.matrices; ++matrix)
            values.push_back(gatherRow(
                sums.at(rows, piece + matrix * outputPieces, half), isEven));
          Val row = warpRow + laneRow + rows * kProductRows;
          Val column = warpColumn + pieceColumn(piece);
          Val panel = firstPanel + e.divide(column, e.i32(kPanelRows));
          Val exists =
              e.both(e.less(row, count), e.less(panel, e.i32(shape.panels())));
          e.when(exists, [&] {
            Val output = firstPanel * kPanelRows + column + laneOutput +
                         half * kProductColumns;
            if (failed(
                    epilogue.store(values, firstRow + wide(row), wide(output))))
              result = failure();
          });
        }
    return result;
  }

  LogicalResult emitTile() {
    firstPanel = e.block(Axis::Y) * shape.blockPanels();
    Sums sums = sumColumns();
    return storeRows(sums);
  }
};

} // namespace

LogicalResult cuda::emitGemm(tok::KernelOp op, func::FuncOp function,
                             const TargetDescription &target) {
  return emitLinear<GemmShape, GemmEmitter>(op, function, target);
}
