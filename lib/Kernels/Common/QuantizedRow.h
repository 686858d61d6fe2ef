//===- QuantizedRow.h - Where a rounded row's parts lie ---------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Inputs of a linear that computes in i8 (`compute = i8<block = 32>`): of each
// 32 columns, with d = max|x| / 127 and q = round(x * (127 / max|x|)) to
// nearest even, or zeros for a block of zeros,
//
//   q             bytes, all columns side by side
//   d             f32, one of each block
//   d * sum q     f32, one of each block: what a format's offset is multiplied
//                 by
//   sum q         i32, two of each block, of 16 columns each: what the bias of
//                 unsigned bytes and scales of 16 columns need
//
// Rows are those of a `memref<?xBxi8>` with B bytes filled up to a multiple of
// 64.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_COMMON_QUANTIZEDROW_H
#define TOKOPT_KERNELS_COMMON_QUANTIZEDROW_H

#include "llvm/Support/MathExtras.h"

namespace tokopt::kernels {

struct QuantizedRow {
  /// Columns that share a scale, and those of a sum.
  static constexpr int64_t kBlock = 32, kHalf = 16;

  explicit QuantizedRow(int64_t columns) : columns(columns) {}
  int64_t columns;

  int64_t scales() const { return columns; }
  int64_t scaledSums() const { return columns + columns / 8; }
  int64_t sums() const { return columns + columns / 4; }
  int64_t bytes() const { return columns + columns / 4 + columns / 4; }
  /// Bytes from one row to the next.
  int64_t rowBytes() const { return llvm::alignTo(bytes(), 64); }
};

} // namespace tokopt::kernels

#endif // TOKOPT_KERNELS_COMMON_QUANTIZEDROW_H
