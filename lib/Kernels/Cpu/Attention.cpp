//===- Attention.cpp - Softmax attention over cached pages ----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Online softmax (Milakov, Gimelshein 2018; Dao et al., FlashAttention) in the
// order that founding rule 3 of the dialect fixes: blocks of 64 slots; 8 blocks
// make a segment with fresh accumulators; segments merge in ascending order.
// Nothing in it depends on which rows or workers are near, so a row has the
// same bits in a decode, in a prompt chunk of any size, and split over
// segments.
//
// An item is one row and one key/value head; the query heads of the group share
// its keys and values. Keys lie transposed, so 16 slots are one vector and no
// sum runs across lanes; values are summed slot by slot.
//
// Few rows would leave workers idle, so their segments are dealt out one by
// one: each worker leaves a segment's state in memory that all share, and after
// a barrier the states merge in the same order. (Flash-Decoding, Dao et al.
// 2023, with splits that are part of the definition.)
//
// A row sees the slots [lowest, last] of its sequence: the mask says what they
// are. Blocks without one of them are not visited; in the others, slots outside
// weigh zero.
//
// config: heads (query heads), scale, window, full, cache, context,
//         group (heads at a time), vectors (of 16 slots or channels at a time),
//         scratch, row_bytes
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Common/Choice.h"
#include "lib/Kernels/Common/Pages.h"
#include "lib/Kernels/Common/Segments.h"
#include "lib/Kernels/Cpu/Arguments.h"
#include "lib/Kernels/Cpu/AttentionCost.h"
#include "lib/Kernels/Cpu/Templates.h"

#include <numeric>

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cpu;
using kernels::kBlock;
using kernels::kMasked;
using kernels::kSegmentBlocks;
using kernels::PageLayout;
using kernels::SequencePages;

namespace {

constexpr int64_t kLanes = 16;

/// A worker's scratch: for each query head of a group the scores of a block,
/// and maximum, sum and accumulator of the segment and of all segments so far.
struct Scratch {
  Scratch(int64_t heads, int64_t size)
      : heads(heads), size(llvm::alignTo(size, kLanes)) {}
  int64_t heads, size;
  int64_t scores(int64_t r) const { return 4 * kBlock * r; }
  int64_t state(int64_t r, bool total) const {
    return 4 * kBlock * heads + 64 * (2 * r + total);
  }
  int64_t accumulator(int64_t r, bool total) const {
    return 4 * kBlock * heads + 128 * heads + 4 * size * (2 * r + total);
  }
  int64_t bytes() const { return accumulator(heads, false); }
};

/// Rows up to which segments are dealt out one by one.
constexpr int64_t kFewRows = 4;

/// Segments of the longest sequence.
int64_t segmentsOf(tok::KernelOp op) {
  return llvm::divideCeil(configInt(op, "context"), kBlock * kSegmentBlocks);
}

/// Emits one attention kernel.
struct AttentionEmitter {
  Emitter &e;
  tok::KernelOp op;
  Arguments arguments;
  tok::CacheType cache;
  PageLayout layout;
  int64_t heads, group, vectors, window, keySize, valueSize, valueLanes;
  Scratch scratch;
  Val scratchBase;

  AttentionEmitter(Emitter &e, tok::KernelOp op, Block &entry,
                   int64_t scratchBytes)
      : e(e), op(op), arguments(e, op, entry),
        cache(cast<tok::CacheType>(op.getInputs()[1].getType())), layout(cache),
        heads(configInt(op, "heads") / cache.getHeads()),
        group(configInt(op, "group")), vectors(configInt(op, "vectors")),
        window(configInt(op, "window")), keySize(cache.getKSize()),
        valueSize(cache.getVSize()),
        valueLanes(valueSize % kLanes ? 1 : kLanes), scratch(heads, valueSize) {
    scratchBase = e.scratch(arguments.frame, arguments.worker, scratchBytes);
  }

  Type vector() { return e.vec(kLanes, e.f32()); }

  /// Scores of `vectors` times 16 slots from `slot` on for `count` heads from
  /// `first` on, a head's vectors side by side; keys `[size][slots]`.
  Vals scores(Val head, Val slot, Val query, int64_t first, int64_t count) {
    Vals zeros(count * vectors, e.zero(vector()));
    Val keys = e.offset(head, slot * layout.keyBytes);
    Vals sums = e.loop(
        e.i64(0), e.i64(keySize), 1, zeros, [&](Val d, ArrayRef<Val> carried) {
          Val at = e.offset(keys, d * (layout.slots * layout.keyBytes));
          Vals columns, next;
          for (int64_t v = 0; v < vectors; ++v)
            columns.push_back(
                e.convert(e.load(e.vec(kLanes, cache.getKType()), at,
                                 v * kLanes * layout.keyBytes),
                          e.f32()));
          for (int64_t r = 0; r < count; ++r) {
            Val q = e.splat(e.load(e.f32(), e.offset(query, d * 4),
                                   4 * keySize * (first + r)),
                            kLanes);
            for (int64_t v = 0; v < vectors; ++v)
              next.push_back(e.fma(columns[v], q, carried[r * vectors + v]));
          }
          return next;
        });
    Val scale = e.constant(configFloat(op, "scale"), vector());
    for (int64_t v = 0; v < vectors; ++v) {
      Val factor = scale;
      if (cache.getKType().isInteger(8))
        factor = scale * e.load(vector(), e.offset(head, slot * 4),
                                layout.keyScaleOffset + 4 * v * kLanes);
      for (int64_t r = 0; r < count; ++r)
        sums[r * vectors + v] = sums[r * vectors + v] * factor;
    }
    return sums;
  }

  /// One block of 64 slots for `count` heads from `first` on: scores, softmax,
  /// values.
  void emitBlock(Val start, Val last, Val lowest, Val g, Val query,
                 SequencePages &pages, int64_t first, int64_t count) {
    Val head = pages.head(start, arguments.layer, g);
    Val firstSlot = e.remainder(start, e.i64(layout.slots));

    // Scores and their maximum.
    Vals largest(count, e.constant(kMasked, vector()));
    SmallVector<int64_t> lanes = llvm::to_vector(llvm::seq<int64_t>(0, kLanes));
    Val iota = e.constantVector(ArrayRef<int64_t>(lanes), e.i64());
    largest =
        e.loop(e.i64(0), e.i64(kBlock), vectors * kLanes, largest,
               [&](Val j, ArrayRef<Val> carried) {
                 Vals sums = scores(head, firstSlot + j, query, first, count);
                 Vals next(carried);
                 for (int64_t v = 0; v < vectors; ++v) {
                   Val slots = e.splat(start + j + v * kLanes, kLanes) + iota;
                   Val visible = e.lessEqual(slots, e.splat(last, kLanes));
                   if (window)
                     visible = e.both(
                         visible, e.lessEqual(e.splat(lowest, kLanes), slots));
                   for (int64_t r = 0; r < count; ++r) {
                     Val score = e.select(visible, sums[r * vectors + v],
                                          e.constant(kMasked, vector()));
                     e.store(score, e.offset(scratchBase, j * 4),
                             scratch.scores(first + r) + 4 * v * kLanes);
                     next[r] = e.max(next[r], score);
                   }
                 }
                 return next;
               });

    // Probabilities, relative to the segment's maximum so far.
    Vals corrections;
    for (int64_t r = 0; r < count; ++r) {
      int64_t state = scratch.state(first + r, false);
      Val before = e.load(e.f32(), scratchBase, state);
      Val maximum = e.max(before, e.maxLanes(largest[r]));
      Val correction = e.exp(before - maximum);
      Val wide = e.splat(maximum, kLanes);
      Vals sum = e.loop(
          e.i64(0), e.i64(kBlock), kLanes, {e.zero(vector())},
          [&](Val j, ArrayRef<Val> carried) {
            Val at = e.offset(scratchBase, j * 4);
            Val p =
                e.exp(e.load(vector(), at, scratch.scores(first + r)) - wide);
            Val weight = p;
            if (cache.getVType().isInteger(8))
              weight = p * e.load(vector(), e.offset(head, (firstSlot + j) * 4),
                                  layout.valueScaleOffset);
            e.store(weight, at, scratch.scores(first + r));
            return Vals{carried[0] + p};
          });
      Val total = e.load(e.f32(), scratchBase, state + 4);
      e.store(maximum, scratchBase, state);
      e.store(e.fma(total, correction, e.sumLanes(sum[0])), scratchBase,
              state + 4);
      corrections.push_back(correction);
    }

    // Values, slot by slot; values of slots that are not visible are not read.
    Type values = e.vec(valueLanes, e.f32());
    Val end = e.min(e.i64(kBlock), last + 1 - start);
    Val begin = window ? e.max(e.i64(0), lowest - start) : e.i64(0);
    int64_t columns = std::gcd(vectors, valueSize / valueLanes);
    e.loop(e.i64(0), e.i64(valueSize), columns * valueLanes, [&](Val d) {
      Val at = e.offset(scratchBase, d * 4);
      Val column =
          e.offset(head, (firstSlot * valueSize + d) * layout.valueBytes);
      Vals sums;
      for (int64_t r = 0; r < count; ++r)
        for (int64_t c = 0; c < columns; ++c)
          sums.push_back(e.load(values, at,
                                scratch.accumulator(first + r, false) +
                                    4 * c * valueLanes) *
                         e.splat(corrections[r], valueLanes));
      sums = e.loop(begin, end, 1, sums, [&](Val j, ArrayRef<Val> carried) {
        Val row = e.offset(column, j * (valueSize * layout.valueBytes));
        Vals slot, next;
        for (int64_t c = 0; c < columns; ++c)
          slot.push_back(e.convert(
              e.load(e.vec(valueLanes, cache.getVType()), row,
                     layout.valueOffset + c * valueLanes * layout.valueBytes),
              e.f32()));
        for (int64_t r = 0; r < count; ++r) {
          Val p = e.splat(e.load(e.f32(), e.offset(scratchBase, j * 4),
                                 scratch.scores(first + r)),
                          valueLanes);
          for (int64_t c = 0; c < columns; ++c)
            next.push_back(e.fma(slot[c], p, carried[r * columns + c]));
        }
        return next;
      });
      for (int64_t r = 0; r < count; ++r)
        for (int64_t c = 0; c < columns; ++c)
          e.store(sums[r * columns + c], at,
                  scratch.accumulator(first + r, false) + 4 * c * valueLanes);
    });
  }

  void clear(bool total) {
    for (int64_t r = 0; r < heads; ++r) {
      e.store(e.constant(kMasked, e.f32()), scratchBase,
              scratch.state(r, total));
      e.store(e.zero(e.f32()), scratchBase, scratch.state(r, total) + 4);
      for (int64_t d = 0; d < valueSize; d += valueLanes)
        e.store(e.zero(e.vec(valueLanes, e.f32())), scratchBase,
                scratch.accumulator(r, total) + 4 * d);
    }
  }

  /// total = total * exp(m_total - m) + segment * exp(m_segment - m), m the
  /// larger maximum.
  void merge() {
    for (int64_t r = 0; r < heads; ++r) {
      auto state = [&](bool total, int64_t field) {
        return e.load(e.f32(), scratchBase,
                      scratch.state(r, total) + 4 * field);
      };
      Val maximum = e.max(state(true, 0), state(false, 0));
      Val old = e.exp(state(true, 0) - maximum),
          added = e.exp(state(false, 0) - maximum);
      e.store(e.fma(state(true, 1), old, state(false, 1) * added), scratchBase,
              scratch.state(r, true) + 4);
      e.store(maximum, scratchBase, scratch.state(r, true));
      Type values = e.vec(valueLanes, e.f32());
      Val wideOld = e.splat(old, valueLanes),
          wideAdded = e.splat(added, valueLanes);
      e.loop(e.i64(0), e.i64(valueSize), valueLanes, [&](Val d) {
        Val at = e.offset(scratchBase, d * 4);
        Val total = e.load(values, at, scratch.accumulator(r, true));
        Val segment = e.load(values, at, scratch.accumulator(r, false));
        e.store(e.fma(total, wideOld, segment * wideAdded), at,
                scratch.accumulator(r, true));
      });
    }
  }

  Val column(Slot slot, Val row) {
    Val base = e.slot(arguments.frame, slot, e.ptr());
    return e.convert(e.load(e.i32(), e.offset(base, row * 4)), e.i64());
  }

  /// A row and a key/value head, and the blocks that the row sees.
  struct Item {
    Val row, g, last, lowest, firstBlock, blocks, query, sequence;
  };

  /// The last position of `sequence` among the rows of this step.
  Val lastOf(Val sequence) {
    return e.loop(arguments.rowBegin, arguments.rowEnd, 1, {e.i64(0)},
                  [&](Val row, ArrayRef<Val> carried) {
                    Val isMember = e.equal(column(Slot::Seq, row), sequence);
                    Val position =
                        e.select(isMember, column(Slot::Pos, row), e.i64(0));
                    return Vals{e.max(carried[0], position)};
                  })[0];
  }

  Item itemAt(Val number) {
    Item item;
    item.row = arguments.rowBegin + e.divide(number, e.i64(cache.getHeads()));
    item.g = e.remainder(number, e.i64(cache.getHeads()));
    Val position = column(Slot::Pos, item.row);
    item.sequence = column(Slot::Seq, item.row);
    item.query = e.offset(arguments.inputs[0],
                          item.row * rowBytes(op.getInputs()[0].getType()) +
                              item.g * (4 * heads * keySize));
    item.lowest = window ? e.max(e.i64(0), position + (1 - window)) : e.i64(0);
    item.last =
        op.getConfig().contains("full") ? lastOf(item.sequence) : position;
    item.firstBlock = e.divide(item.lowest, e.i64(kBlock));
    item.blocks = e.divide(item.last + kBlock, e.i64(kBlock));
    return item;
  }

  Val firstSegment(const Item &item) {
    return e.divide(item.firstBlock, e.i64(kSegmentBlocks));
  }
  Val endSegment(const Item &item) {
    return e.divide(item.blocks + (kSegmentBlocks - 1), e.i64(kSegmentBlocks));
  }

  /// Leaves the state of a segment in scratch.
  void emitSegment(const Item &item, Val segment) {
    SequencePages pages(e, layout, arguments.frame, configInt(op, "cache"),
                        item.sequence);
    clear(/*total=*/false);
    Val begin = e.max(item.firstBlock, segment * kSegmentBlocks);
    Val end = e.min(item.blocks, segment * kSegmentBlocks + kSegmentBlocks);
    e.loop(begin, end, 1, [&](Val block) {
      for (int64_t first = 0; first < heads; first += group)
        emitBlock(block * kBlock, item.last, item.lowest, item.g, item.query,
                  pages, first, std::min(group, heads - first));
    });
  }

  /// The log of the sum of exponentials, for those who ask for it. As in every
  /// buffer, what fills the row up is zero.
  void emitLse(const Item &item) {
    auto type = cast<MemRefType>(op.getOutputs()[1].getType());
    Val out = e.offset(arguments.outputs[1], item.row * rowBytes(type));
    Val own = e.offset(out, item.g * (4 * heads));
    for (int64_t r = 0; r < heads; ++r) {
      Val maximum = e.load(e.f32(), scratchBase, scratch.state(r, true));
      Val sum = e.load(e.f32(), scratchBase, scratch.state(r, true) + 4);
      e.store(maximum + e.log(sum), own, 4 * r);
    }
    int64_t written = heads * cache.getHeads(), columns = rowBytes(type) / 4;
    if (written < columns)
      e.when(e.equal(item.g, e.i64(0)), [&] {
        for (int64_t c = written; c < columns; ++c)
          e.store(e.zero(e.f32()), out, 4 * c);
      });
  }

  /// Divides the sums of values by the sums of weights.
  void emitResult(const Item &item) {
    Val out = e.offset(arguments.outputs[0],
                       item.row * rowBytes(op.getOutputs()[0].getType()) +
                           item.g * (4 * heads * valueSize));
    for (int64_t r = 0; r < heads; ++r) {
      Val sum = e.load(e.f32(), scratchBase, scratch.state(r, true) + 4);
      Val inverse =
          e.splat(e.divide(e.constant(1.0, e.f32()), sum), valueLanes);
      e.loop(e.i64(0), e.i64(valueSize), valueLanes, [&](Val d) {
        Val total =
            e.load(e.vec(valueLanes, e.f32()), e.offset(scratchBase, d * 4),
                   scratch.accumulator(r, true));
        e.store(total * inverse, e.offset(out, d * 4), 4 * r * valueSize);
      });
    }
    if (op.getOutputs().size() > 1)
      emitLse(item);
  }

  /// All segments of an item, by one worker.
  void emitItem(Val number) {
    Item item = itemAt(number);
    clear(/*total=*/true);
    e.loop(firstSegment(item), endSegment(item), 1, [&](Val segment) {
      emitSegment(item, segment);
      merge();
    });
    emitResult(item);
  }

  /// Deals `count` things out in turn, since later rows see more slots.
  void deal(Val count, function_ref<void(Val)> body) {
    Val workers = e.slot(arguments.frame, Slot::Workers, e.i64());
    Val mine = e.divide(count + workers - arguments.worker - 1, workers);
    e.loop(e.i64(0), mine, 1,
           [&](Val i) { body(arguments.worker + i * workers); });
  }

  /// Moves a segment's state between scratch and its place in the shared
  /// memory.
  void moveState(Val shared, bool save) {
    auto move = [&](Type type, Val offset, int64_t inScratch,
                    int64_t inShared) {
      Val a = e.offset(e.offset(scratchBase, offset), inScratch);
      Val b = e.offset(e.offset(shared, offset), inShared);
      e.store(e.load(type, save ? a : b), save ? b : a);
    };
    Type values = e.vec(valueLanes, e.f32());
    for (int64_t r = 0; r < heads; ++r) {
      int64_t base = r * stateBytes(1, valueSize);
      move(e.f32(), e.i64(0), scratch.state(r, false), base);
      move(e.f32(), e.i64(4), scratch.state(r, false), base);
      e.loop(e.i64(0), e.i64(valueSize), valueLanes, [&](Val d) {
        move(values, d * 4, scratch.accumulator(r, false), base + 64);
      });
    }
  }

  /// One more than the last segment that any row sees.
  Val lastSegment() {
    return e.loop(arguments.rowBegin, arguments.rowEnd, 1, {e.i64(0)},
                  [&](Val row, ArrayRef<Val> carried) {
                    Item item =
                        itemAt((row - arguments.rowBegin) * cache.getHeads());
                    return Vals{e.max(carried[0], endSegment(item))};
                  })[0];
  }

  /// The first `segments` segments of few rows, dealt out one by one.
  void emitSplit(Val items, Val segments) {
    Val workspace = e.slot(arguments.frame, Slot::Workspace, e.ptr());
    Val capacity = e.slot(arguments.frame, Slot::Capacity, e.i64());
    Val states = e.offset(workspace, capacity * configInt(op, "row_bytes"));
    auto place = [&](Val number, Val segment) {
      return e.offset(states, (number * segments + segment) *
                                  stateBytes(heads, valueSize));
    };
    deal(items * segments, [&](Val unit) {
      Val number = e.divide(unit, segments),
          segment = e.remainder(unit, segments);
      Item item = itemAt(number);
      Val exists = e.both(e.lessEqual(firstSegment(item), segment),
                          e.less(segment, endSegment(item)));
      e.when(exists, [&] {
        emitSegment(item, segment);
        moveState(place(number, segment), /*save=*/true);
      });
    });
    e.barrier(arguments.frame);
    deal(items, [&](Val number) {
      Item item = itemAt(number);
      clear(/*total=*/true);
      e.loop(firstSegment(item), endSegment(item), 1, [&](Val segment) {
        moveState(place(number, segment), /*save=*/false);
        merge();
      });
      emitResult(item);
    });
  }

  LogicalResult emit() {
    Val rows = arguments.rowEnd - arguments.rowBegin;
    Val items = rows * cache.getHeads();
    auto whole = [&] {
      deal(items, [&](Val number) { emitItem(number); });
      return Vals();
    };
    auto few = [&] {
      // A single segment needs no merge, so nobody waits for it.
      Val segments = lastSegment();
      e.choose(
          e.less(e.i64(1), segments), {},
          [&] {
            emitSplit(items, segments);
            return Vals();
          },
          whole);
      return Vals();
    };
    e.choose(e.lessEqual(rows, e.i64(kFewRows)), {}, few, whole);
    e.ret();
    return success();
  }

  /// Bytes of the state of `heads` heads: maximum, sum and accumulator of each.
  static int64_t stateBytes(int64_t heads, int64_t valueSize) {
    return heads * (64 + 4 * llvm::alignTo(valueSize, kLanes));
  }
};

struct AttentionTemplate : KernelTemplate {
  StringRef getFamily() const override { return "attention"; }

  ArrayRef<KernelKnob> getKnobs() const override {
    static constexpr KernelKnob kKnobs[] = {
        {"group", "1 to the query heads of a key/value head",
         "query heads that share what is read",
         [](tok::KernelOp op, int64_t value) {
           auto cache = cast<tok::CacheType>(op.getInputs()[1].getType());
           return value >= 1 &&
                  value <= configInt(op, "heads") / cache.getHeads();
         }},
        {"vectors", "1, 2 or 4", "slots at a time, in units of 16",
         [](tok::KernelOp, int64_t value) {
           return value == 1 || value == 2 || value == 4;
         }},
    };
    return kKnobs;
  }

  FailureOr<KernelChoice>
  choose(tok::KernelOp op, const TargetDescription &target) const override {
    auto cache = cast<tok::CacheType>(op.getInputs()[1].getType());
    int64_t heads = configInt(op, "heads") / cache.getHeads();
    AttentionCost cost(target, cache, heads);
    SmallVector<kernels::Candidate> candidates;
    for (int64_t group = heads; group >= 1; --group)
      for (int64_t vectors = kBlock / kLanes; vectors >= 1; vectors /= 2)
        candidates.push_back({std::to_string(group) + " heads and " +
                                  std::to_string(vectors * kLanes) +
                                  " slots at a time",
                              {{"group", group}, {"vectors", vectors}},
                              cost.ofSlot(group, vectors)});
    return chooseCheapest(op, candidates, "cycles a slot",
                          "heads share keys and values, more slots hide the "
                          "latency of a sum, and registers hold all sums");
  }

  int64_t getScratchBytes(tok::KernelOp op) const override {
    auto cache = cast<tok::CacheType>(op.getInputs()[1].getType());
    return llvm::alignTo(
        Scratch(configInt(op, "heads") / cache.getHeads(), cache.getVSize())
            .bytes(),
        64);
  }

  int64_t getSharedBytes(tok::KernelOp op) const override {
    auto cache = cast<tok::CacheType>(op.getInputs()[1].getType());
    int64_t heads = configInt(op, "heads") / cache.getHeads();
    return kFewRows * cache.getHeads() * segmentsOf(op) *
           AttentionEmitter::stateBytes(heads, cache.getVSize());
  }

  LogicalResult emit(tok::KernelOp op, func::FuncOp function,
                     const TargetDescription &target) const override {
    Block &entry = function.getBody().front();
    Emitter e(&entry, target);
    return AttentionEmitter(e, op, entry, configInt(op, "scratch")).emit();
  }
};

} // namespace

const KernelTemplate &cpu::attentionTemplate() {
  static const AttentionTemplate instance;
  return instance;
}
