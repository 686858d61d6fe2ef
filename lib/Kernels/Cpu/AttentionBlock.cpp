//===- AttentionBlock.cpp - One block of slots ----------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cpu/AttentionBlock.h"

#include <numeric>

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cpu;
using kernels::kBlock;
using kernels::kMasked;

static constexpr int64_t kLanes = kAttentionLanes;

static int64_t bytesOf(Type element) {
  return element.getIntOrFloatBitWidth() / 8;
}

AttentionBlock::AttentionBlock(AttentionKernel &kernel, const BlockShape &shape,
                               Val start, Val page)
    : kernel(kernel), e(kernel.e), shape(shape), start(start) {
  const kernels::PageLayout &layout = kernel.layout;
  Val slot = e.remainder(start, e.i64(layout.slots));
  keys = {e.offset(page, slot * layout.keyBytes),
          layout.slots * layout.keyBytes, kernel.cache.getKType()};
  int64_t stride = kernel.valueSize * layout.valueBytes;
  values = {e.offset(e.offset(page, slot * stride), layout.valueOffset), stride,
            kernel.cache.getVType()};
  keyScales = e.offset(e.offset(page, slot * 4), layout.keyScaleOffset);
  valueScales = e.offset(e.offset(page, slot * 4), layout.valueScaleOffset);
}

Val AttentionBlock::beginOf(const Visible &visible) {
  return kernel.window ? e.max(e.i64(0), visible.lowest - start) : e.i64(0);
}

Val AttentionBlock::endOf(const Visible &visible) {
  return e.min(e.i64(kBlock), visible.last + 1 - start);
}

Val AttentionBlock::rowOf(const RowGroup &rows, int64_t row) {
  return e.offset(rows.scratch, row * kernel.scratch.bytes());
}

//===----------------------------------------------------------------------===//
// Keys and values
//===----------------------------------------------------------------------===//

/// `count` elements of `line` from `column + offset` on, as f32.
Val AttentionBlock::load(const Lines &lines, Val line, Val column,
                         int64_t offset, int64_t count) {
  int64_t bytes = bytesOf(lines.element);
  Val at = e.offset(e.offset(lines.base, line * lines.stride), column * bytes);
  return e.convert(e.load(e.vec(count, lines.element), at, offset * bytes),
                   e.f32());
}

/// Lines [begin, end) of `from`, each of `columns` elements, in scratch.
AttentionBlock::Lines AttentionBlock::widen(const Lines &from, Val begin,
                                            Val end, int64_t columns) {
  if (from.element.isF32())
    return from;
  Lines to = {kernel.scratchBase, 4 * columns, e.f32()};
  int64_t lanes = columns % kLanes ? 1 : kLanes;
  e.loop(begin, end, 1, [&](Val line) {
    e.loop(e.i64(0), e.i64(columns), lanes, [&](Val column) {
      Val at = e.offset(e.offset(to.base, line * to.stride), column * 4);
      e.store(load(from, line, column, 0, lanes), at);
    });
  });
  return to;
}

void AttentionBlock::widenKeys() {
  keys = widen(keys, e.i64(0), e.i64(kernel.keySize), kBlock);
}

void AttentionBlock::widenValues(Val begin, Val end) {
  values = widen(values, begin, end, kernel.valueSize);
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// Scores of `shape.vectors` times 16 slots from `slot` on for `count` heads
/// from `first` on: a row's heads, a head's vectors side by side.
Vals AttentionBlock::scores(const RowGroup &rows, Val slot, int64_t first,
                            int64_t count) {
  Type vector = e.vec(kLanes, e.f32());
  int64_t vectors = shape.vectors, units = shape.rows * count;
  Vals sums = e.loop(
      e.i64(0), e.i64(kernel.keySize), 1, Vals(units * vectors, e.zero(vector)),
      [&](Val d, ArrayRef<Val> carried) {
        Vals columns, next;
        for (int64_t v = 0; v < vectors; ++v)
          columns.push_back(load(keys, d, slot, v * kLanes, kLanes));
        for (int64_t unit = 0; unit < units; ++unit) {
          int64_t row = unit / count, head = first + unit % count;
          Val q = e.load(e.f32(), e.offset(rows.query, d * 4),
                         row * kernel.queryBytes() + 4 * kernel.keySize * head);
          for (int64_t v = 0; v < vectors; ++v)
            next.push_back(e.fma(columns[v], e.splat(q, kLanes),
                                 carried[unit * vectors + v]));
        }
        return next;
      });
  Val scale = e.constant(configFloat(kernel.op, "scale"), vector);
  for (int64_t v = 0; v < vectors; ++v) {
    Val factor = scale;
    if (kernel.cache.getKType().isInteger(8))
      factor =
          scale * e.load(vector, e.offset(keyScales, slot * 4), 4 * v * kLanes);
    for (int64_t unit = 0; unit < units; ++unit)
      sums[unit * vectors + v] = sums[unit * vectors + v] * factor;
  }
  return sums;
}

/// Which of the 16 slots from `slot` of the block on a row sees.
Val AttentionBlock::mask(const Visible &visible, Val slot) {
  SmallVector<int64_t> lanes = llvm::to_vector(llvm::seq<int64_t>(0, kLanes));
  Val iota = e.constantVector(ArrayRef<int64_t>(lanes), e.i32());
  auto number = [&](Val position) {
    return e.splat(e.convert(position - (start + slot), e.i32()), kLanes);
  };
  Val mask = e.lessEqual(iota, number(visible.last));
  if (kernel.window)
    mask = e.both(mask, e.lessEqual(number(visible.lowest), iota));
  return mask;
}

void AttentionBlock::weigh(const RowGroup &rows) {
  // Behind the last slot that any of the rows sees, weights would be zero.
  Val end = e.i64(kBlock);
  if (shape.vectors * kLanes < kBlock) {
    end = endOf(rows.visible[0]);
    for (const Visible &visible : ArrayRef(rows.visible).drop_front())
      end = e.max(end, endOf(visible));
  }
  int64_t heads = kernel.heads;
  Vals largest(shape.rows * heads);
  for (int64_t first = 0; first < heads; first += shape.heads) {
    int64_t count = std::min(shape.heads, heads - first);
    Vals own = scoreHeads(rows, first, count, end);
    for (int64_t row = 0; row < shape.rows; ++row)
      llvm::copy(ArrayRef(own).slice(row * count, count),
                 largest.begin() + row * heads + first);
  }
  // As many rows as fill a vector with numbers of their heads.
  int64_t width = kernel.scratch.width();
  int64_t together = std::min(shape.rows, kLanes / width);
  for (int64_t row = 0; row < shape.rows; row += together)
    for (int64_t first = 0; first < heads; first += width)
      normalize(rows, {row, together, first, width}, largest, end);
}

/// Leaves the scores of slots before `end` in scratch, for `count` heads from
/// `first` on, and returns vectors of their maxima, a row's side by side.
Vals AttentionBlock::scoreHeads(const RowGroup &rows, int64_t first,
                                int64_t count, Val end) {
  Val masked = e.constant(kMasked, e.vec(kLanes, e.f32()));
  return e.loop(
      e.i64(0), end, shape.vectors * kLanes, Vals(shape.rows * count, masked),
      [&](Val slot, ArrayRef<Val> carried) {
        Vals sums = scores(rows, slot, first, count);
        Vals next(carried);
        for (int64_t row = 0; row < shape.rows; ++row)
          for (int64_t v = 0; v < shape.vectors; ++v) {
            Val isSeen = mask(rows.visible[row], slot + v * kLanes);
            for (int64_t h = 0; h < count; ++h) {
              int64_t unit = row * count + h;
              Val score =
                  e.select(isSeen, sums[unit * shape.vectors + v], masked);
              e.store(score, e.offset(rowOf(rows, row), slot * 4),
                      kernel.scratch.scores(first + h) + 4 * v * kLanes);
              next[unit] = e.max(next[unit], score);
            }
          }
        return next;
      });
}

/// A number of each of `units`, which `offset` bytes into a row's scratch are
/// those of its heads.
Val AttentionBlock::loadNumbers(const RowGroup &rows, const Units &units,
                                int64_t offset) {
  Vals parts;
  for (int64_t row = 0; row < units.rows; ++row)
    parts.push_back(e.load(e.vec(units.width, e.f32()),
                           rowOf(rows, units.firstRow + row),
                           offset + 4 * units.firstHead));
  return e.join(parts);
}

void AttentionBlock::storeNumbers(const RowGroup &rows, const Units &units,
                                  int64_t offset, Val numbers) {
  for (int64_t row = 0; row < units.rows; ++row)
    e.store(e.part(numbers, row * units.width, units.width),
            rowOf(rows, units.firstRow + row), offset + 4 * units.firstHead);
}

/// Makes weights of the scores of the slots before `end`, whose maxima are
/// those of the lanes of `largest`, with all heads of a row side by side.
void AttentionBlock::normalize(const RowGroup &rows, const Units &units,
                               ArrayRef<Val> largest, Val end) {
  const RowScratch &scratch = kernel.scratch;
  int64_t count = std::min(units.width, kernel.heads - units.firstHead);
  // Lanes without a head repeat the last one.
  auto forLanes = [&](function_ref<Val(int64_t row, int64_t head)> body) {
    Vals lanes;
    for (int64_t row = units.firstRow; row < units.firstRow + units.rows; ++row)
      for (int64_t lane = 0; lane < units.width; ++lane)
        lanes.push_back(lane < count ? body(row, units.firstHead + lane)
                                     : lanes.back());
    return lanes;
  };
  Val before = loadNumbers(rows, units, scratch.maximum(0, false));
  Val maximum =
      e.max(before, e.maxLanes(forLanes([&](int64_t row, int64_t head) {
        return largest[row * kernel.heads + head];
      })));
  Val correction = e.exp(before - maximum);
  Val sums = e.sumLanes(forLanes([&](int64_t row, int64_t head) {
    int64_t lane =
        (row - units.firstRow) * units.width + head - units.firstHead;
    return exponentials(rowOf(rows, row), head,
                        e.splat(e.part(maximum, lane, 1), kLanes), end);
  }));
  Val total = loadNumbers(rows, units, scratch.sum(0, false));
  storeNumbers(rows, units, scratch.maximum(0, false), maximum);
  storeNumbers(rows, units, scratch.sum(0, false),
               e.fma(total, correction, sums));
  storeNumbers(rows, units, scratch.correction(0), correction);
}

/// Makes weights of the scores of a row and head before `end`, and returns the
/// sums of the exponentials lane by lane.
Val AttentionBlock::exponentials(Val row, int64_t head, Val maximum, Val end) {
  Type vector = e.vec(kLanes, e.f32());
  return e.loop(e.i64(0), end, shape.vectors * kLanes, {e.zero(vector)},
                [&](Val slot, ArrayRef<Val> carried) {
                  Val at = e.offset(row, slot * 4), total = carried[0];
                  for (int64_t v = 0; v < shape.vectors; ++v) {
                    int64_t place =
                        kernel.scratch.scores(head) + 4 * v * kLanes;
                    Val p = e.exp(e.load(vector, at, place) - maximum);
                    Val weight = p;
                    if (kernel.cache.getVType().isInteger(8))
                      weight =
                          p * e.load(vector, e.offset(valueScales, slot * 4),
                                     4 * v * kLanes);
                    e.store(weight, at, place);
                    total = total + p;
                  }
                  return Vals{total};
                })[0];
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

void AttentionBlock::accumulate(const RowGroup &rows) {
  for (int64_t first = 0; first < kernel.heads; first += shape.heads)
    accumulateHeads(rows, first, std::min(shape.heads, kernel.heads - first));
}

/// Adds the values of slots [begin, end) from `channel` on to `sums`: a row's
/// heads, a head's vectors side by side. With `isMasked`, some rows may not see
/// some of the slots.
Vals AttentionBlock::addValues(const RowGroup &rows, int64_t first,
                               int64_t count, int64_t columns, Val channel,
                               Val begin, Val end, bool isMasked, Vals sums) {
  int64_t lanes = kernel.valueLanes;
  auto wide = [&](Val slot) {
    return e.splat(e.convert(slot, e.i32()), lanes);
  };
  return e.loop(begin, end, 1, sums, [&](Val slot, ArrayRef<Val> carried) {
    Vals loaded, next;
    for (int64_t c = 0; c < columns; ++c)
      loaded.push_back(load(values, slot, channel, c * lanes, lanes));
    for (int64_t row = 0; row < shape.rows; ++row) {
      const Visible &visible = rows.visible[row];
      Val isSeen;
      if (isMasked) {
        isSeen = e.less(wide(slot), wide(endOf(visible)));
        if (kernel.window)
          isSeen =
              e.both(isSeen, e.lessEqual(wide(beginOf(visible)), wide(slot)));
      }
      for (int64_t h = 0; h < count; ++h) {
        Val p = e.splat(e.load(e.f32(), e.offset(rowOf(rows, row), slot * 4),
                               kernel.scratch.scores(first + h)),
                        lanes);
        for (int64_t c = 0; c < columns; ++c) {
          Val before = carried[(row * count + h) * columns + c];
          Val sum = e.fma(loaded[c], p, before);
          next.push_back(isMasked ? e.select(isSeen, sum, before) : sum);
        }
      }
    }
    return next;
  });
}

void AttentionBlock::accumulateHeads(const RowGroup &rows, int64_t first,
                                     int64_t count) {
  const RowScratch &scratch = kernel.scratch;
  int64_t lanes = kernel.valueLanes;
  int64_t columns = std::gcd(shape.vectors, kernel.valueSize / lanes);
  Type vector = e.vec(lanes, e.f32());

  // Slots that some row sees, and of those the ones that all rows see.
  Val begin = beginOf(rows.visible[0]), end = endOf(rows.visible[0]);
  Val innerBegin = begin, innerEnd = end;
  for (const Visible &visible : ArrayRef(rows.visible).drop_front()) {
    begin = e.min(begin, beginOf(visible));
    innerBegin = e.max(innerBegin, beginOf(visible));
    end = e.max(end, endOf(visible));
    innerEnd = e.min(innerEnd, endOf(visible));
  }
  bool hasBegins = shape.rows > 1 && kernel.window,
       hasEnds = shape.rows > 1 && (hasBegins || !kernel.isFull);

  e.loop(e.i64(0), e.i64(kernel.valueSize), columns * lanes, [&](Val d) {
    Vals sums;
    for (int64_t row = 0; row < shape.rows; ++row)
      for (int64_t h = first; h < first + count; ++h) {
        Val correction = e.splat(
            e.load(e.f32(), rowOf(rows, row), scratch.correction(h)), lanes);
        for (int64_t c = 0; c < columns; ++c)
          sums.push_back(e.load(vector, e.offset(rowOf(rows, row), d * 4),
                                scratch.accumulator(h, false) + 4 * c * lanes) *
                         correction);
      }
    auto add = [&](Val from, Val to, bool isMasked) {
      sums =
          addValues(rows, first, count, columns, d, from, to, isMasked, sums);
    };
    if (hasBegins)
      add(begin, innerBegin, /*isMasked=*/true);
    add(innerBegin, innerEnd, /*isMasked=*/false);
    if (hasEnds)
      add(e.max(innerBegin, innerEnd), end, /*isMasked=*/true);
    for (int64_t row = 0; row < shape.rows; ++row)
      for (int64_t h = 0; h < count; ++h)
        for (int64_t c = 0; c < columns; ++c)
          e.store(sums[(row * count + h) * columns + c],
                  e.offset(rowOf(rows, row), d * 4),
                  scratch.accumulator(first + h, false) + 4 * c * lanes);
  });
}
