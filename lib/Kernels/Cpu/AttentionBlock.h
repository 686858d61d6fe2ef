//===- AttentionBlock.h - One block of slots --------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a block of 64 slots adds to the segments of rows that all see some of
// it. For a row and a query head, with s_j the scores of the slots that the row
// sees, m the segment's maximum so far, l its sum and a its accumulator:
//
//   s_j = scale * sum over d of q_d k_jd        fma, d ascending
//   m'  = max(m, max s_j)
//   p_j = exp(s_j - m')
//   l'  = fma(l, exp(m - m'), sum p_j)          lane by lane, then sumLanes
//   a'  = a * exp(m - m') + sum of p_j v_j      fma, j ascending
//
// Each element of these goes through the same operations however many rows and
// heads are computed together and from wherever their keys and values come. A
// slot that a row does not see has the weight zero and its values never meet
// the row's accumulator.
//
// Keys lie transposed, `[dimension][slot]`, so a vector is 16 slots of one
// dimension and no sum runs across lanes; values are `[slot][channel]`. Pages
// hold them as f32, f16 or i8. Rows of a tile share them as f32 in scratch.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CPU_ATTENTIONBLOCK_H
#define TOKOPT_KERNELS_CPU_ATTENTIONBLOCK_H

#include "lib/Kernels/Cpu/AttentionKernel.h"

namespace tokopt::cpu {

/// What registers hold the sums of: rows times heads times vectors of slots, or
/// of channels.
struct BlockShape {
  int64_t rows, heads, vectors;
  /// Whether other rows take the same keys and values, so that they are widened
  /// before.
  bool isShared;
};

/// `BlockShape::rows` neighbouring rows of a step, their query and their
/// scratch one behind the other.
struct RowGroup {
  /// Of the first row.
  Val query, scratch;
  llvm::SmallVector<Visible> visible;
};

class AttentionBlock {
public:
  /// The block from the slot `start` on, which is in the page `page` (of the
  /// layer and the key/value head).
  AttentionBlock(AttentionKernel &kernel, const BlockShape &shape, Val start,
                 Val page);

  /// While a row alone reads keys, their values are asked for, and while it
  /// reads these, the keys of the block at `start` in `page`: a decode streams
  /// its pages from memory, in runs too short for the processor to foresee.
  void streamTo(Val start, Val page);

  /// Puts the keys, or the values of slots [begin, end) of the block, as f32
  /// into scratch, from where later calls take them. Both have the same place.
  void widenKeys();
  void widenValues(Val begin, Val end);

  /// Leaves the weights p_j (times the scales of values, if they have any),
  /// m', l' and exp(m - m') in the scratch of `rows`.
  void weigh(const RowGroup &rows);
  /// From those, the accumulators.
  void accumulate(const RowGroup &rows);

  /// The first slot of the block that a row sees and the one behind the last.
  Val beginOf(const Visible &visible);
  Val endOf(const Visible &visible);

private:
  /// Keys by dimension, or values by slot.
  struct Lines {
    Val base;
    int64_t stride;
    mlir::Type element;
    /// What is read after them, and from what goes with one line to what goes
    /// with the next; null where nothing is asked for.
    Val ahead = {};
    int64_t aheadStride = 0;
  };

  /// Heads of some rows whose numbers are in one vector: `width` lanes a row.
  struct Units {
    int64_t firstRow, rows, firstHead, width;
  };

  Lines widen(const Lines &from, Val begin, Val end, int64_t columns);
  void askAhead(const Lines &lines, Val line, Val column, int64_t count);
  Val load(const Lines &lines, Val line, Val column, int64_t offset,
           int64_t count);
  Vals scores(const RowGroup &rows, Val slot, int64_t first, int64_t count);
  Val mask(const Visible &visible, Val slot);
  Vals scoreHeads(const RowGroup &rows, int64_t first, int64_t count, Val end);
  Val loadNumbers(const RowGroup &rows, const Units &units, int64_t offset);
  void storeNumbers(const RowGroup &rows, const Units &units, int64_t offset,
                    Val numbers);
  void normalize(const RowGroup &rows, const Units &units,
                 llvm::ArrayRef<Val> largest, Val end);
  Val exponentials(Val row, int64_t head, Val maximum, Val end);
  void accumulateHeads(const RowGroup &rows, int64_t first, int64_t count);
  Vals addValues(const RowGroup &rows, int64_t first, int64_t count,
                 int64_t columns, Val channel, Val begin, Val end,
                 bool isMasked, Vals sums);
  Val rowOf(const RowGroup &rows, int64_t row);

  AttentionKernel &kernel;
  Emitter &e;
  BlockShape shape;
  Val start;
  Lines keys, values;
  /// Scales of the block's slots, of i8.
  Val keyScales, valueScales;
};

} // namespace tokopt::cpu

#endif // TOKOPT_KERNELS_CPU_ATTENTIONBLOCK_H
