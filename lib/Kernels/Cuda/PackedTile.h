//===- PackedTile.h - Packed weights as matrices of tensor cores -*- C++
//-*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The panels of docs/bundle.md are made for the left matrix of `mma.sync`
// m16n8k16. A word of a line of columns is four columns of a row; lanes take
// four rows of it at once, 16 bytes, which are half of what they hold of two
// products:
//
//   lane (g, t)   rows 4 (g % 4) to 4 (g % 4) + 3 of panel g / 4,
//                 columns 4t to 4t + 3, then 16 + 4t to 16 + 4t + 3
//   product 0     the first two of the rows, as rows g and g + 8
//   product 1     the other two
//
// So a product's columns come in another order, of which the sum knows nothing
// as long as the inputs come in the same: in step s, a lane's are
// 16s + 4t, 16s + 4t + 2, 16s + 4t + 1, 16s + 4t + 3. (The second is what one
// mask takes out of a word together with the first.)
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CUDA_PACKEDTILE_H
#define TOKOPT_KERNELS_CUDA_PACKEDTILE_H

#include "lib/Kernels/Common/Codecs.h"
#include "lib/Kernels/Cuda/Matrices.h"

namespace tokopt::cuda {

/// 128 columns of two panels, in shared memory of a warp. What a lane reads of
/// the lines of columns lies lane by lane; what belongs to the rows, as it does
/// in the panel.
class PackedTile {
public:
  static constexpr int64_t kPanels = 2, kColumns = 128, kGroupColumns = 32;
  static constexpr int64_t kOutputs = kPanels * kernels::kPanelRows;
  static constexpr int64_t kGroups = kColumns / kGroupColumns;
  /// Products of a tile's outputs, and steps of a group.
  static constexpr int64_t kProducts = kOutputs / kProductRows;
  static constexpr int64_t kSteps = kGroupColumns / kProductDepth;

  explicit PackedTile(const kernels::Codec &codec) : codec(codec) {}

  const kernels::Codec &codec;

  int64_t bytes() const { return lineBytes() + kPanels * sideBytes(); }

  /// Where a tile comes from.
  struct Source {
    /// The address of the first panel, and the bytes of a panel.
    Val panels;
    int64_t panelStride;
    /// How many panels there are from the first on, i32, and groups in all.
    Val panelCount;
    int64_t groups;
  };
  /// Begins to copy tile `number`, an i32, of `from` to `to`. What is beyond
  /// the last group or panel becomes zero.
  void copy(Emitter &e, const Source &from, Val number, Val to,
            Here here = {}) const;

  /// A group of columns.
  struct Group {
    /// A step of each product.
    FragmentA left[kProducts][kSteps];
    /// A weight is scale * q + offset for the q of `left`, for each of the
    /// lane's four rows. A scale of each step, which may differ; no offset
    /// where it is zero.
    bool isScaledByStep;
    llvm::SmallVector<Val, kSteps> scales;
    Val offset;
  };
  /// Reads group `number` of a tile.
  Group read(Emitter &e, Landed tile, int64_t number, Here here = {}) const;

private:
  /// Bytes of what lanes read one by one, and of what belongs to the rows of a
  /// panel: of its block, then of each group.
  int64_t lineBytes() const { return kGroups * kPanels * codec.columnBytes(); }
  int64_t tailBytes() const { return codec.groupBytes() - codec.columnBytes(); }
  int64_t sideBytes() const {
    return codec.groupOffset() + kGroups * tailBytes();
  }

  friend class PackedGroupReader;
};

/// Reads the inputs in the order of a tile's columns: rows of 16-bit elements
/// in shared memory, one after the other.
class PackedInputs {
public:
  /// `rows` of them.
  PackedInputs(mlir::Type element, int64_t rows)
      : element(element), rows(rows) {}

  const mlir::Type element;
  const int64_t rows;

  /// Four rows are a quarter of the banks apart, so that sixteen lanes, which
  /// read 8 bytes each, meet in none.
  static constexpr int64_t kRowBytes = 2 * PackedTile::kColumns + 32;
  int64_t bytes() const { return rows * kRowBytes; }
  int64_t products() const { return llvm::divideCeil(rows, kProductColumns); }

  /// Begins to copy the columns of tile `number` of `count` rows, an i32, from
  /// `from` on, `rowBytes` apart, to `to`. Zeros stand for other rows, and for
  /// columns from `columns` on.
  void copy(Emitter &e, Val from, int64_t rowBytes, int64_t columns, Val count,
            Val number, Val to, Here here = {}) const;
  /// What the rows from 8 `product` on have in a step of a group. Where there
  /// are fewer than eight, they come again.
  FragmentB read(Emitter &e, Landed inputs, int64_t group, int64_t step,
                 int64_t product, Here here = {}) const;
};

} // namespace tokopt::cuda

#endif // TOKOPT_KERNELS_CUDA_PACKEDTILE_H
