//===- Matrices.h - Matrices of tensor cores --------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Matrices of f16 or bf16 whose products are sums of f32: how they lie in
// shared memory, how asynchronous copies bring them there, and how the lanes of
// a warp hold what `mma.sync` m16n8k16 multiplies. With g = lane / 4 and
// t = lane % 4 (PTX ISA, "Matrix Fragments for mma.m16n8k16"):
//
//   A, 16 x 16   columns 2t, 2t + 1 of rows g and g + 8, then columns 8 on
//   B, 16 x 8    rows 2t, 2t + 1 of column g, then rows 8 on
//   C, 16 x 8    columns 2t, 2t + 1 of row g, then of row g + 8
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CUDA_MATRICES_H
#define TOKOPT_KERNELS_CUDA_MATRICES_H

#include "lib/Kernels/Cuda/Vocabulary.h"

namespace tokopt::cuda {

//===----------------------------------------------------------------------===//
// Fragments
//===----------------------------------------------------------------------===//

/// Rows and columns of what one instruction multiplies.
inline constexpr int64_t kProductRows = 16, kProductColumns = 8,
                         kProductDepth = 16;

/// The left matrix; an i32 holds two elements.
struct FragmentA {
  mlir::Type element;
  std::array<Val, 4> pairs;
};

/// The right matrix.
struct FragmentB {
  mlir::Type element;
  std::array<Val, 2> pairs;
};

/// Sums, in f32.
struct FragmentC {
  std::array<Val, 4> sums;
};

/// Sums of several products, and the values that a loop carries for them.
struct ProductSums {
  ProductSums() = default;
  explicit ProductSums(llvm::ArrayRef<Val> vals);
  Vals vals() const;

  llvm::SmallVector<FragmentC> products;
};

/// a * b + c. All lanes of the warp call it.
FragmentC multiply(Emitter &e, const FragmentA &a, const FragmentB &b,
                   const FragmentC &c, Here here = {});

/// Two products side by side, rounded to `element`, as the left matrix of the
/// next one: both have their rows in the same lanes.
FragmentA round(Emitter &e, const FragmentC &low, const FragmentC &high,
                mlir::Type element, Here here = {});

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

/// A matrix in shared memory, rows of chunks of 16 bytes, that begins at a
/// multiple of `kTileAlignment`. Chunk c of row r lies
/// at place c ^ (r % 8) of its row. So neither the eight rows of a column of
/// chunks, which `ldmatrix` reads, nor eight chunks of a row, which a copy
/// writes, meet in a bank.
class SwizzledTile {
public:
  /// `columns` elements of 16 bits, a multiple of 64.
  SwizzledTile(mlir::Type element, int64_t rows, int64_t columns);

  const mlir::Type element;
  const int64_t rows, columns;

  int64_t chunks() const { return columns / kChunkElements; }
  int64_t rowBytes() const { return chunks() * kChunkBytes; }
  int64_t bytes() const { return rows * rowBytes(); }
  /// How far chunk `chunk` of row `row` is from the tile's first byte, i32.
  Val place(Val row, Val chunk, Here here = {}) const;

  /// Elements of a chunk, and rows after which places repeat.
  static constexpr int64_t kChunkElements = 8, kPeriod = 8;
};

/// Shared memory whose contents every thread of the block, or of the warp, may
/// read: whoever makes one has waited for them.
struct Landed {
  Val base;

  Landed at(int64_t bytes, Here here = {}) const {
    return {base.emitter->offset(base, bytes, here)};
  }
};

/// Reads fragments of a tile with `ldmatrix`. What depends on the lane is
/// computed once, so that a read costs one exclusive or.
class FragmentReader {
public:
  /// How a fragment lies in the tile: A by rows; B with its columns as the
  /// tile's rows, or with its rows as the tile's.
  enum class Operand : uint8_t { A, ColumnsOfB, RowsOfB };

  FragmentReader(Emitter &e, const SwizzledTile &tile, Operand operand,
                 Here here = {})
      : FragmentReader(e, tile, operand, e.i32(0, here), e.i32(0, here), here) {
  }
  /// Rows and columns are counted from `firstRow`, a multiple of 8, and
  /// `firstColumn`, of 16, both i32. No column that is read has a bit in common
  /// with the first.
  FragmentReader(Emitter &e, const SwizzledTile &tile, Operand operand,
                 Val firstRow, Val firstColumn, Here here = {});

  // `row` and `column` are the tile's, multiples of 16 (8 for a row of
  // `ColumnsOfB`). All lanes of the warp call it.

  /// 16 rows and 16 columns.
  FragmentA readA(Landed tile, int64_t row, int64_t column,
                  Here here = {}) const;
  /// One fragment, or two whose columns are side by side.
  FragmentB readB(Landed tile, int64_t row, int64_t column,
                  Here here = {}) const;
  std::array<FragmentB, 2> readTwoB(Landed tile, int64_t row, int64_t column,
                                    Here here = {}) const;

private:
  Vals read(Landed tile, int64_t row, int64_t column, int64_t count,
            Here here) const;

  Emitter &e;
  const SwizzledTile tile;
  const Operand operand;
  /// Where the lane's chunk of the first row and column lies.
  Val laneOffset;
};

/// Stages of shared memory that asynchronous copies fill while others are read.
///
///   for the first `ahead` numbers: copies into stage(number), commit
///   for each number:
///     landed = wait(number)
///     copies into stage(number + ahead), if there is one; commit
///     read landed
///
/// Waits count groups of copies, so each number has a commit, with copies or
/// without.
class CopyRing {
public:
  /// Whether the block has one ring, or each of its warps.
  enum class Of : uint8_t { Block, Warp };

  /// A stage that is read, and at least one that is filled.
  CopyRing(Emitter &e, int64_t stages, int64_t stageBytes, Here here = {})
      : CopyRing(e, Of::Block, stages, stageBytes, here) {}
  CopyRing(Emitter &e, Of of, int64_t stages, int64_t stageBytes,
           Here here = {});

  /// How many numbers are filled ahead of the one that is read.
  int64_t ahead() const { return stages - 1; }
  /// Where copies of `number`, an i32, go.
  Val stage(Val number, Here here = {}) const;
  /// Ends the copies of one number.
  void commit(Here here = {}) const;
  /// Waits until what all threads have copied for `number` is there, and all
  /// have read the number before, whose stage is the next to be filled.
  Landed wait(Val number, Here here = {}) const;

private:
  Emitter &e;
  const Of of;
  const int64_t stages, stageBytes;
  Val base;
};

} // namespace tokopt::cuda

#endif // TOKOPT_KERNELS_CUDA_MATRICES_H
