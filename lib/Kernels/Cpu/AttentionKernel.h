//===- AttentionKernel.h - What all parts of attention share ----*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CPU_ATTENTIONKERNEL_H
#define TOKOPT_KERNELS_CPU_ATTENTIONKERNEL_H

#include "lib/Kernels/Common/Pages.h"
#include "lib/Kernels/Common/Segments.h"
#include "lib/Kernels/Cpu/Arguments.h"

namespace tokopt::cpu {

/// Slots, or channels of values, of a vector.
inline constexpr int64_t kAttentionLanes = 16;
/// Most rows of a tile.
inline constexpr int64_t kLargestTile = 16;

/// What a row keeps in its worker's scratch for each query head `h` of a
/// key/value head: the scores of a block, which become weights, and the states
/// of the segment and of all segments so far (`isTotal`). Numbers of heads lie
/// side by side, so that they are computed together; what fills up their
/// vectors is of no use.
struct RowScratch {
  RowScratch(int64_t heads, int64_t valueSize)
      : heads(heads), numbers(4 * llvm::alignTo(heads, kAttentionLanes)),
        size(llvm::alignTo(valueSize, kAttentionLanes)) {}

  int64_t scores(int64_t h) const { return 4 * kernels::kBlock * h; }
  int64_t maximum(int64_t h, bool isTotal) const {
    return scores(heads) + numbers * isTotal + 4 * h;
  }
  int64_t sum(int64_t h, bool isTotal) const {
    return maximum(h, isTotal) + 2 * numbers;
  }
  /// What a block does to the segment's sums before it adds to them.
  int64_t correction(int64_t h) const { return sum(h, false) + 2 * numbers; }
  int64_t accumulator(int64_t h, bool isTotal) const {
    return correction(0) + numbers + 4 * size * (2 * h + isTotal);
  }
  int64_t bytes() const { return accumulator(heads, false); }
  /// Heads whose numbers are computed together.
  int64_t width() const {
    return std::min<int64_t>(llvm::PowerOf2Ceil(heads), kAttentionLanes);
  }

  int64_t heads;
  /// Bytes of a number of each head.
  int64_t numbers;
  int64_t size;
};

/// The slots that a row sees, both ends included.
struct Visible {
  Val lowest, last;
};

/// One attention kernel: its operands and its worker's scratch, which holds one
/// block of keys or values as f32, then what each row of a tile keeps.
struct AttentionKernel {
  AttentionKernel(Emitter &e, tok::KernelOp op, mlir::Block &entry);

  Emitter &e;
  tok::KernelOp op;
  Arguments arguments;
  tok::CacheType cache;
  kernels::PageLayout layout;
  /// Query heads of a key/value head.
  int64_t heads;
  int64_t keySize, valueSize;
  /// Channels of values that are loaded at once.
  int64_t valueLanes;
  /// Slots of a window, or 0; whether rows see what comes after them.
  int64_t window;
  bool isFull;
  RowScratch scratch;
  Val scratchBase;

  /// Scratch of row `number` of a tile.
  Val rowScratch(Val number);
  /// Where `row` has the query of the first head of key/value head `g`.
  Val query(Val row, Val g);
  int64_t queryBytes() { return rowBytes(op.getInputs()[0].getType()); }
  /// A column of the step's rows.
  Val column(Slot slot, Val row);
  /// The last position of `sequence` among the rows of this step.
  Val lastOf(Val sequence);
  /// The slots that `row` sees; `end` is the last of its sequence, which only
  /// rows that see what comes after them need.
  Visible visible(Val row, Val end);

  /// Query heads of each of the key/value heads of `op`.
  static int64_t headsOf(tok::KernelOp op);
  /// Bytes of one block of keys or values as f32; 0 if they are f32 in pages.
  static int64_t blockBytes(tok::CacheType cache);
  /// Bytes of a worker's scratch.
  static int64_t scratchBytes(tok::KernelOp op);
};

} // namespace tokopt::cpu

#endif // TOKOPT_KERNELS_CPU_ATTENTIONKERNEL_H
