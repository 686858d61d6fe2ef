//===- Codecs.h - How packed weights become numbers -------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A codec reads the packed panels of docs/bundle.md for a template. Columns
// come in *groups* of 32 (of 1 for f16 and f32); a panel block holds one group
// or, for K-quants, eight.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CPU_CODECS_H
#define TOKOPT_KERNELS_CPU_CODECS_H

#include "lib/Kernels/Cpu/Vocabulary.h"

namespace tokopt::cpu {

/// Rows of a panel.
inline constexpr int64_t kPanelRows = 16;

/// Where the inputs that were rounded to i8 lie in a row of a quantized buffer
/// (docs/kernels.md).
struct QuantizedRow {
  explicit QuantizedRow(int64_t columns) : columns(columns) {}
  int64_t columns;
  int64_t scales() const { return columns; }
  int64_t scaledSums() const { return columns + columns / 8; }
  int64_t sums() const { return columns + columns / 4; }
  int64_t bytes() const { return columns + columns / 4 + columns / 4; }
};

/// Part of a panel block: `lanes` rows from `firstRow` on, of one group of
/// columns.
struct GroupRef {
  /// Address of the block.
  Val block;
  /// Address of the group within it.
  Val group;
  int64_t firstRow;
  int64_t lanes;
  /// A row found at run time, added to `firstRow`, or null.
  Val dynamicRow = {};
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

  /// Weights of column `k` of the group as f32, exactly as the format defines
  /// them.
  virtual Val decode(Emitter &e, const GroupRef &ref, int64_t k) const = 0;

  /// Vector operations that take four columns of a group (one, if a block has
  /// one) out of the line they stand in.
  virtual int64_t operations() const = 0;

  //===--- Integer form, for groups of 32 --------------------------------===//
  /// Columns 4i .. 4i + 3 of the group, as unsigned bytes.
  virtual Val bytes(Emitter &e, const GroupRef &ref, int64_t i) const {
    return {};
  }
  /// What was added to make the bytes unsigned, and the largest byte.
  virtual int64_t bias() const { return 0; }
  virtual int64_t largest() const { return 0; }
  /// The factor of the integer sum as f32.
  virtual Val scale(Emitter &e, const GroupRef &ref) const { return {}; }
  /// What is added times the sum of the inputs, or null.
  virtual Val offset(Emitter &e, const GroupRef &ref) const { return {}; }
  /// Integer scales of columns 0..15 and 16..31, or null when the group has one
  /// scale.
  virtual Val halfScale(Emitter &e, const GroupRef &ref, int64_t half) const {
    return {};
  }
};

/// The codec of weights of `elementType`, or null.
const Codec *findCodec(mlir::Type elementType);

/// Bytes that `type` takes packed (docs/bundle.md, "Packed weights"), a
/// multiple of 64.
int64_t getPackedBytes(mlir::RankedTensorType type);

} // namespace tokopt::cpu

#endif // TOKOPT_KERNELS_CPU_CODECS_H
