//===- Attention.cpp - Softmax attention over cached pages ----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Online softmax (Milakov, Gimelshein 2018; Dao et al., FlashAttention) in the
// order that founding rule 3 of the dialect fixes: blocks of 64 slots
// (AttentionBlock.h); 8 blocks make a segment with fresh accumulators; segments
// merge in ascending order (AttentionState.h). Nothing in it depends on which
// rows or workers are near, so a row has the same bits in a decode, in a prompt
// chunk of any size, and split over segments.
//
// The query heads of a key/value head share its keys and values. So do
// neighbouring rows of one sequence that see the same blocks, such as those of
// a prompt: they make tiles, for which each block is widened to f32 once. Rows
// that are left over are computed one by one, from the pages.
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
//         tile (rows that share blocks, 1 if none do), tile_rows and
//         tile_vectors (of a tile at a time), scratch, row_bytes
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Common/Choice.h"
#include "lib/Kernels/Cpu/AttentionBlock.h"
#include "lib/Kernels/Cpu/AttentionCost.h"
#include "lib/Kernels/Cpu/AttentionState.h"
#include "lib/Kernels/Cpu/Templates.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cpu;
using kernels::kBlock;
using kernels::kSegmentBlocks;
using kernels::SequencePages;

namespace {

/// Rows up to which segments are dealt out one by one.
constexpr int64_t kFewRows = 4;
/// Tiles that each worker gets at least, so that they end together.
constexpr int64_t kTilesOfWorker = 4;

/// Segments of the longest sequence.
int64_t segmentsOf(tok::KernelOp op) {
  return llvm::divideCeil(configInt(op, "context"), kBlock * kSegmentBlocks);
}

/// Emits one attention kernel.
struct AttentionEmitter : AttentionKernel {
  /// Rows of a tile.
  int64_t tile;
  /// What is computed at a time, of one row and of a tile.
  BlockShape one, many;

  AttentionEmitter(Emitter &e, tok::KernelOp op, Block &entry)
      : AttentionKernel(e, op, entry), tile(configInt(op, "tile")),
        one{1, configInt(op, "group"), configInt(op, "vectors"),
            /*isShared=*/false},
        many{configInt(op, "tile_rows"), one.heads,
             configInt(op, "tile_vectors"), /*isShared=*/true} {}

  /// Neighbouring rows of one sequence that see the same blocks, and a
  /// key/value head.
  struct Item {
    Val row, count, g, sequence;
    /// The slots that some of the rows see.
    Visible visible;
  };

  Val firstBlock(const Item &item) {
    return e.divide(item.visible.lowest, e.i64(kBlock));
  }
  Val endBlock(const Item &item) {
    return e.divide(item.visible.last + kBlock, e.i64(kBlock));
  }
  Val firstSegment(const Item &item) {
    return e.divide(firstBlock(item), e.i64(kSegmentBlocks));
  }
  Val endSegment(const Item &item) {
    return e.divide(endBlock(item) + (kSegmentBlocks - 1),
                    e.i64(kSegmentBlocks));
  }

  /// The last position of `sequence` if rows see so far.
  Val endOf(Val sequence) { return isFull ? lastOf(sequence) : Val(); }

  Item itemOf(Val row, Val g) {
    Val sequence = column(Slot::Seq, row);
    return {row, e.i64(1), g, sequence, visible(row, endOf(sequence))};
  }

  /// Item `number` of those of one row.
  Item itemAt(Val number) {
    Val keyHeads = e.i64(cache.getHeads());
    return itemOf(arguments.rowBegin + e.divide(number, keyHeads),
                  e.remainder(number, keyHeads));
  }

  /// Rows [row, row + count), which see the same blocks.
  Item tileOf(Val row, Val count, Val g) {
    Val sequence = column(Slot::Seq, row);
    Val end = endOf(sequence);
    Visible first = visible(row, end);
    Vals ends = e.loop(row + 1, row + count, 1, {first.lowest, first.last},
                       [&](Val next, ArrayRef<Val> carried) {
                         Visible own = visible(next, end);
                         return Vals{e.min(carried[0], own.lowest),
                                     e.max(carried[1], own.last)};
                       });
    return {row, count, g, sequence, {ends[0], ends[1]}};
  }

  /// Calls `body` with the rows of `item`, `rows` at a time.
  void forGroups(const Item &item, int64_t rows,
                 function_ref<void(const RowGroup &)> body) {
    e.loop(e.i64(0), item.count, rows, [&](Val number) {
      Val row = item.row + number;
      RowGroup group{query(row, item.g), rowScratch(number), {}};
      for (int64_t i = 0; i < rows; ++i)
        group.visible.push_back(visible(row + i, item.visible.last));
      body(group);
    });
  }

  /// Calls `body` with the number and the scratch of each row of `item`.
  void forRows(const Item &item, function_ref<void(Val, Val)> body) {
    e.loop(e.i64(0), item.count, 1,
           [&](Val number) { body(item.row + number, rowScratch(number)); });
  }

  /// Leaves the states of a segment in scratch.
  void emitSegment(const Item &item, const BlockShape &shape, Val segment) {
    SequencePages pages(e, layout, arguments.frame, configInt(op, "cache"),
                        item.sequence);
    forRows(item,
            [&](Val, Val row) { clearState(*this, row, /*isTotal=*/false); });
    Val begin = e.max(firstBlock(item), segment * kSegmentBlocks);
    Val end = e.min(endBlock(item), segment * kSegmentBlocks + kSegmentBlocks);
    e.loop(begin, end, 1, [&](Val number) {
      Val start = number * kBlock;
      AttentionBlock block(*this, shape, start,
                           pages.head(start, arguments.layer, item.g));
      if (shape.isShared) {
        block.widenKeys();
      } else {
        Val next = e.min(start + kBlock, item.visible.last);
        block.streamTo(next, pages.head(next, arguments.layer, item.g));
      }
      forGroups(item, shape.rows,
                [&](const RowGroup &rows) { block.weigh(rows); });
      if (shape.isShared)
        block.widenValues(block.beginOf(item.visible),
                          block.endOf(item.visible));
      forGroups(item, shape.rows,
                [&](const RowGroup &rows) { block.accumulate(rows); });
    });
  }

  void storeResults(const Item &item) {
    forRows(item, [&](Val number, Val row) {
      storeResult(*this, row, number, item.g);
    });
  }

  /// All segments of an item, by one worker.
  void emitItem(const Item &item, const BlockShape &shape) {
    forRows(item,
            [&](Val, Val row) { clearState(*this, row, /*isTotal=*/true); });
    e.loop(firstSegment(item), endSegment(item), 1, [&](Val segment) {
      emitSegment(item, shape, segment);
      forRows(item, [&](Val, Val row) { mergeSegment(*this, row); });
    });
    storeResults(item);
  }

  /// Deals `count` things out in turn, since later rows see more slots; every
  /// second turn the other way round, so that nobody gets the longest of each.
  void deal(Val count, function_ref<void(Val)> body) {
    Val workers = e.slot(arguments.frame, Slot::Workers, e.i64());
    Val turns = e.divide(count + workers - 1, workers);
    e.loop(e.i64(0), turns, 1, [&](Val turn) {
      Val isBack = e.equal(e.remainder(turn, e.i64(2)), e.i64(1));
      Val place =
          e.select(isBack, workers - 1 - arguments.worker, arguments.worker);
      Val number = turn * workers + place;
      e.when(e.less(number, count), [&] { body(number); });
    });
  }

  /// Rows [begin, end), which see the same blocks, and a key/value head.
  void emitRun(Val begin, Val end, Val g) {
    // A row alone shares nothing.
    Val count = end - begin;
    Val tiled = many.rows > 1 ? end - e.remainder(count, e.i64(many.rows))
                              : e.select(e.equal(count, e.i64(1)), begin, end);
    e.when(e.less(begin, tiled),
           [&] { emitItem(tileOf(begin, tiled - begin, g), many); });
    e.loop(tiled, end, 1, [&](Val row) { emitItem(itemOf(row, g), one); });
  }

  /// Whether the rows `a` and `b` are of one sequence and see the same blocks.
  Val seeSameBlocks(Val a, Val b) {
    Val sequence = column(Slot::Seq, a);
    Val same = e.equal(sequence, column(Slot::Seq, b));
    // Where rows see to the end of their sequence, all see to the same.
    Visible first = visible(a, e.i64(0)), second = visible(b, e.i64(0));
    auto compare = [&](Val x, Val y) {
      same = e.both(same, e.equal(e.divide(x, e.i64(kBlock)),
                                  e.divide(y, e.i64(kBlock))));
    };
    if (window)
      compare(first.lowest, second.lowest);
    if (!isFull)
      compare(first.last, second.last);
    return same;
  }

  /// Rows from `begin` to before `end`, cut where the sequence or the blocks
  /// that a row sees change.
  void emitRuns(Val begin, Val end, Val g) {
    e.loop(begin, end, 1, {begin}, [&](Val row, ArrayRef<Val> carried) {
      Val next = row + 1;
      Val goesOn =
          e.both(e.less(next, end), seeSameBlocks(row, e.min(next, end - 1)));
      return e.choose(
          goesOn, {e.i64()}, [&] { return Vals{carried[0]}; },
          [&] {
            emitRun(carried[0], next, g);
            return Vals{next};
          });
    });
  }

  /// All rows of the step, each by one worker.
  void emitWhole() {
    Val keyHeads = e.i64(cache.getHeads());
    Val rows = arguments.rowEnd - arguments.rowBegin;
    if (tile == 1)
      return deal(rows * keyHeads,
                  [&](Val number) { emitItem(itemAt(number), one); });
    // Smaller tiles where there would be too few.
    Val workers = e.slot(arguments.frame, Slot::Workers, e.i64());
    Val share = e.divide(rows * keyHeads, workers * kTilesOfWorker);
    share = e.max(e.i64(1), share - e.remainder(share, e.i64(many.rows)));
    Val size = e.min(e.i64(tile), share);
    Val tiles = e.divide(rows + size - 1, size);
    deal(tiles * keyHeads, [&](Val number) {
      Val begin = arguments.rowBegin + e.divide(number, keyHeads) * size;
      emitRuns(begin, e.min(begin + size, arguments.rowEnd),
               e.remainder(number, keyHeads));
    });
  }

  /// One more than the last segment that any row sees.
  Val lastSegment() {
    return e.loop(arguments.rowBegin, arguments.rowEnd, 1, {e.i64(0)},
                  [&](Val row, ArrayRef<Val> carried) {
                    Item item = itemOf(row, e.i64(0));
                    return Vals{e.max(carried[0], endSegment(item))};
                  })[0];
  }

  /// The first `segments` segments of few rows, dealt out one by one.
  void emitSplit(Val segments) {
    Val items = (arguments.rowEnd - arguments.rowBegin) * cache.getHeads();
    Val workspace = e.slot(arguments.frame, Slot::Workspace, e.ptr());
    Val capacity = e.slot(arguments.frame, Slot::Capacity, e.i64());
    Val states = e.offset(workspace, capacity * configInt(op, "row_bytes"));
    auto place = [&](Val number, Val segment) {
      return e.offset(states, (number * segments + segment) *
                                  stateBytes(heads, valueSize));
    };
    Val row = rowScratch(e.i64(0));
    deal(items * segments, [&](Val unit) {
      Val number = e.divide(unit, segments),
          segment = e.remainder(unit, segments);
      Item item = itemAt(number);
      Val exists = e.both(e.lessEqual(firstSegment(item), segment),
                          e.less(segment, endSegment(item)));
      e.when(exists, [&] {
        emitSegment(item, one, segment);
        saveSegment(*this, row, place(number, segment));
      });
    });
    e.barrier(arguments.frame);
    deal(items, [&](Val number) {
      Item item = itemAt(number);
      clearState(*this, row, /*isTotal=*/true);
      e.loop(firstSegment(item), endSegment(item), 1, [&](Val segment) {
        loadSegment(*this, row, place(number, segment));
        mergeSegment(*this, row);
      });
      storeResults(item);
    });
  }

  void emit() {
    Val rows = arguments.rowEnd - arguments.rowBegin;
    // A single segment needs no merge, so nobody waits for it.
    Val segments = e.choose(
        e.lessEqual(rows, e.i64(kFewRows)), {e.i64()},
        [&] { return Vals{lastSegment()}; }, [&] { return Vals{e.i64(1)}; })[0];
    e.choose(
        e.less(e.i64(1), segments), {},
        [&] {
          emitSplit(segments);
          return Vals();
        },
        [&] {
          emitWhole();
          return Vals();
        });
    e.ret();
  }
};

struct AttentionTemplate : KernelTemplate {
  StringRef getFamily() const override { return "attention"; }
  std::optional<ArrayRef<StringLiteral>> getKeys() const override {
    static constexpr StringLiteral kKeys[] = {"heads",   "scale",    "window",
                                              "full",    "cache",    "context",
                                              "scratch", "row_bytes"};
    return kKeys;
  }

  ArrayRef<KernelKnob> getKnobs() const override {
    static constexpr KernelKnob kKnobs[] = {
        {"group", "1 to the query heads of a key/value head",
         "query heads that share what is read",
         [](tok::KernelOp op, int64_t value) {
           return value >= 1 && value <= AttentionKernel::headsOf(op);
         }},
        {"vectors", "1, 2 or 4", "slots at a time, in units of 16",
         [](tok::KernelOp, int64_t value) {
           return value == 1 || value == 2 || value == 4;
         }},
        {"tile", "1, 8 or 16",
         "rows that share widened keys and values; 1 has no tiles",
         [](tok::KernelOp, int64_t value) {
           return value == 1 || value == 8 || value == kLargestTile;
         }},
        {"tile_rows", "1, 2, 4 or 8", "rows of a tile at a time",
         [](tok::KernelOp, int64_t value) {
           return value == 1 || value == 2 || value == 4 || value == 8;
         }},
        {"tile_vectors", "1, 2 or 4",
         "slots at a time for rows of a tile, in units of 16",
         [](tok::KernelOp, int64_t value) {
           return value == 1 || value == 2 || value == 4;
         }},
    };
    return kKnobs;
  }

  FailureOr<KernelChoice>
  choose(tok::KernelOp op, const TargetDescription &target) const override {
    return chooseAttention(op, target);
  }

  int64_t getScratchBytes(tok::KernelOp op) const override {
    return llvm::alignTo(AttentionKernel::scratchBytes(op), 64);
  }

  int64_t getSharedBytes(tok::KernelOp op) const override {
    auto cache = cast<tok::CacheType>(op.getInputs()[1].getType());
    return kFewRows * cache.getHeads() * segmentsOf(op) *
           stateBytes(AttentionKernel::headsOf(op), cache.getVSize());
  }

  LogicalResult emit(tok::KernelOp op, func::FuncOp function,
                     const TargetDescription &target) const override {
    Block &entry = function.getBody().front();
    Emitter e(&entry, target);
    AttentionEmitter(e, op, entry).emit();
    return success();
  }
};

} // namespace

const KernelTemplate &cpu::attentionTemplate() {
  static const AttentionTemplate instance;
  return instance;
}
