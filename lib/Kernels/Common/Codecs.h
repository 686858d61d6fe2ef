//===- Codecs.h - How packed weights become numbers -------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A codec reads the packed panels of docs/bundle.md for a template. Columns
// come in *groups* of 32 (of 1 for f16, bf16 and f32); a panel block holds one
// group or, for K-quants, eight.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_COMMON_CODECS_H
#define TOKOPT_KERNELS_COMMON_CODECS_H

#include "lib/Kernels/Common/Vocabulary.h"

namespace tokopt::kernels {

/// Rows of a panel.
inline constexpr int64_t kPanelRows = 16;

/// Reads what a group holds of some rows, `lanes` of them side by side, from
/// wherever a template has it.
class GroupReader {
public:
  explicit GroupReader(int64_t lanes) : lanes(lanes) {}
  virtual ~GroupReader() = default;

  int64_t lanes;
  /// A number found at run time, 0 to 3, that is added to that of each line of
  /// columns, or null.
  Val firstLine = {};

  /// What places are counted from.
  enum class Of : uint8_t { Block, Group };

  /// Line `line` of those that hold columns: 4 bytes of each row, as i32.
  virtual Val columns(Emitter &e, int64_t line) const = 0;
  /// 4 bytes of each row at `bytes` behind the group, as i32; an f16; a byte.
  virtual Val words(Emitter &e, int64_t bytes) const = 0;
  virtual Val halves(Emitter &e, Of of, int64_t bytes) const = 0;
  virtual Val bytes(Emitter &e, int64_t bytes) const = 0;
};

/// Part of a panel block where it stands in memory: `lanes` rows from
/// `firstRow` on, of one group of columns.
struct GroupRef : GroupReader {
  GroupRef(Val block, Val group, int64_t firstRow, int64_t lanes,
           Val dynamicRow = {})
      : GroupReader(lanes), block(block), group(group), firstRow(firstRow),
        dynamicRow(dynamicRow) {}

  /// Address of the block.
  Val block;
  /// Address of the group within it.
  Val group;
  int64_t firstRow;
  /// A row found at run time, added to `firstRow`, or null.
  Val dynamicRow;

  Val columns(Emitter &e, int64_t line) const override;
  Val words(Emitter &e, int64_t bytes) const override;
  Val halves(Emitter &e, Of of, int64_t bytes) const override;
  Val bytes(Emitter &e, int64_t bytes) const override;

private:
  /// Of what the first row has at `bytes` behind `pointer`, where a row takes
  /// `perRow` bytes.
  Val address(Val pointer, int64_t bytes, int64_t perRow) const;
};

/// A group decoded to small unsigned integers, four consecutive k a lane: what
/// `dot` consumes.
class Codec {
public:
  virtual ~Codec() = default;

  /// Values of a block in a row, and of a group.
  virtual int64_t blockColumns() const = 0;
  int64_t groupColumns() const { return blockColumns() == 1 ? 1 : 32; }
  int64_t groups() const { return blockColumns() / groupColumns(); }
  /// Bytes of a block of a panel, and where in it the groups start and how far
  /// they are apart.
  virtual int64_t panelBytes() const = 0;
  virtual int64_t groupOffset() const { return 0; }
  virtual int64_t groupBytes() const { return panelBytes(); }
  /// Bytes of the lines of columns, with which a group begins; what belongs to
  /// its rows, such as scales, follows.
  virtual int64_t columnBytes() const = 0;

  /// Weights of column `k` of the group as f32, exactly as the format defines
  /// them.
  virtual Val decode(Emitter &e, const GroupReader &ref, int64_t k) const = 0;

  /// Vector operations that take four columns of a group (one, if a block has
  /// one) out of the line they stand in.
  virtual int64_t operations() const = 0;

  //===--- Integer form, for groups of 32 --------------------------------===//
  /// Columns 4i .. 4i + 3 of the group, as unsigned bytes.
  virtual Val bytes(Emitter &e, const GroupReader &ref, int64_t i) const {
    return {};
  }
  /// What was added to make the bytes unsigned, and the largest byte.
  virtual int64_t bias() const { return 0; }
  virtual int64_t largest() const { return 0; }
  /// The factor of the integer sum as f32.
  virtual Val scale(Emitter &e, const GroupReader &ref) const { return {}; }
  /// What is added times the sum of the inputs, or null.
  virtual Val offset(Emitter &e, const GroupReader &ref) const { return {}; }
  /// Integer scales of columns 0..15 and 16..31, or null when the group has one
  /// scale.
  virtual Val halfScale(Emitter &e, const GroupReader &ref,
                        int64_t half) const {
    return {};
  }
};

/// The codec of weights of `elementType`, or null.
const Codec *findCodec(mlir::Type elementType);

/// Bytes that `type` takes packed (docs/bundle.md, "Packed weights"), a
/// multiple of 64.
int64_t getPackedBytes(mlir::RankedTensorType type);

} // namespace tokopt::kernels

#endif // TOKOPT_KERNELS_COMMON_CODECS_H
