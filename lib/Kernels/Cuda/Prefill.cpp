//===- Prefill.cpp - Attention of many rows on tensor cores ---------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// FlashAttention-2 (Dao 2023) over cached pages. A block of threads takes a
// tile of rows and one query head, a warp 16 of the rows. Queries stay in
// registers as the left side of the scores; of keys and values, blocks of 64
// slots come by asynchronous copies, some ahead of the one that is read.
// Scores, weights and sums never leave the registers: the weights of a block
// are the left side of their product with the values.
//
// What is rounded, as `compute` says: queries once, and the weights of a block
// to the maximum of the scores so far. Their sums are those of the f32 weights.
//
// A row's bits are its own. Blocks begin at multiples of 64 slots and come in
// ascending order, whatever the tile; what the row does not see weighs exactly
// zero, and a block of which it sees nothing leaves its state as it was: its
// maximum stays, so the correction is exactly 1, and zeros are added. Slots
// that no row of the tile sees are not read: zeros stand in their place.
//
// Rows of a step may be of any sequences, so a tile is a few runs of rows of
// one sequence each, nearly always one. The rows outside a run see nothing
// while it is computed.
//
// config: heads (query heads), scale, window, cache, compute (f16, bf16);
// knobs:
//         row_tile, stages
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Common/Config.h"
#include "lib/Kernels/Common/Pages.h"
#include "lib/Kernels/Cuda/Arguments.h"
#include "lib/Kernels/Cuda/Attention.h"
#include "lib/Kernels/Cuda/PrefillShape.h"

#include "llvm/Support/MathExtras.h"

#include <limits>

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cuda;
using namespace tokopt::kernels;

namespace {

using cuda::Emitter;

constexpr double kLog2E = 1.4426950408889634;
/// Lanes that share a row of a product, and the rows of a lane.
constexpr int64_t kRowLanes = 4, kLaneRows = 2;
/// Products side by side that make the scores of a block.
constexpr int64_t kScores = kBlock / kProductColumns;

/// Of each of the lane's rows: maximum of the scores and the lane's share of
/// the sum of weights; and the sums of weighted values, a product for each
/// eight channels.
struct State {
  Val maximum[kLaneRows], sum[kLaneRows];
  SmallVector<FragmentC> products;

  static State of(ArrayRef<Val> vals) {
    State state{{vals[0], vals[1]}, {vals[2], vals[3]}, {}};
    for (vals = vals.drop_front(4); !vals.empty(); vals = vals.drop_front(4))
      state.products.push_back({{vals[0], vals[1], vals[2], vals[3]}});
    return state;
  }
  Vals vals() const {
    Vals vals = {maximum[0], maximum[1], sum[0], sum[1]};
    for (const FragmentC &product : products)
      vals.append(product.sums.begin(), product.sums.end());
    return vals;
  }
};

/// Rows of one sequence, numbers in the tile, and what they see.
struct Run {
  Val begin, end;
  /// The first and last slot that one of them sees.
  Val first, last;
  /// The first and last slot that each of the lane's rows sees; rows outside
  /// the run see none.
  Val firstOf[kLaneRows], lastOf[kLaneRows];
};

/// Emits one kernel.
struct PrefillEmitter {
  Emitter &e;
  tok::KernelOp op;
  const PrefillShape &shape;
  Arguments arguments;
  PageLayout layout;
  const SwizzledTile keyTile, valueTile;
  CopyRing ring;
  FragmentReader keyReader, valueReader;

  /// The tile's first row, and how many it has; the query head and the
  /// key/value head.
  Val firstRow, count, queryHead, head;
  /// The lane's rows in the tile, those beyond the last replaced by it, and
  /// their positions.
  Val numbers[kLaneRows], places[kLaneRows], positions[kLaneRows];
  /// A fragment for each 16 channels.
  SmallVector<FragmentA> queries;

  PrefillEmitter(Emitter &e, tok::KernelOp op, const PrefillShape &shape,
                 Block &entry)
      : e(e), op(op), shape(shape), arguments(e, op, entry),
        layout(shape.cache), keyTile(shape.keys()), valueTile(shape.values()),
        ring(e, shape.stages, keyTile.bytes() + valueTile.bytes()),
        keyReader(e, keyTile, FragmentReader::Operand::ColumnsOfB),
        valueReader(e, valueTile, FragmentReader::Operand::RowsOfB) {}

  Val wide(Val number) {
    return e.convert(number, e.i64(), /*isUnsigned=*/true);
  }
  Val narrow(Val number) { return e.convert(number, e.i32()); }
  Val masked() { return e.constant(kMasked, e.f32()); }
  Val zero() { return e.zero(e.f32()); }
  /// Where the lane's columns begin in a product.
  Val laneColumn() { return e.remainder(e.lane(), e.i32(kRowLanes)) * 2; }

  //===--- The tile ------------------------------------------------------===//

  /// A column of the step's rows, at the tile's first.
  Val column(Slot slot) {
    Val base = e.slot(arguments.frame, slot, arguments.frame.type());
    return e.offset(base, firstRow * 4);
  }

  Val loadNumber(Val column, Val row) {
    return e.load(e.i32(), e.offset(column, wide(row) * 4));
  }

  void placeThread() {
    Val first = e.warp() * kProductRows + e.divide(e.lane(), e.i32(kRowLanes));
    for (int64_t i = 0; i < kLaneRows; ++i) {
      numbers[i] = first + i * kProductRows / kLaneRows;
      places[i] = e.min(numbers[i], count - 1);
      positions[i] = loadNumber(column(Slot::Pos), places[i]);
    }
  }

  void loadQueries() {
    int64_t bytes = rowBytes(op.getInputs()[0].getType());
    Val base =
        e.offset(arguments.inputs[0],
                 firstRow * bytes + queryHead * (4 * shape.cache.getKSize()));
    Val rows[kLaneRows];
    for (int64_t i = 0; i < kLaneRows; ++i)
      rows[i] =
          e.offset(base, wide(places[i]) * bytes + wide(laneColumn()) * 4);
    auto pair = [&](Val row, int64_t channel) {
      Val two = e.loadChunks(VectorType::get({2}, e.f32()),
                             e.offset(row, 4 * channel));
      return e.pack(e.extract(two, 0), e.extract(two, 1), shape.element);
    };
    for (int64_t k = 0; k < shape.cache.getKSize(); k += kProductDepth)
      queries.push_back({shape.element,
                         {pair(rows[0], k), pair(rows[1], k),
                          pair(rows[0], k + kProductDepth / 2),
                          pair(rows[1], k + kProductDepth / 2)}});
  }

  /// The first slot that the row at `position` sees.
  Val firstSeen(Val position) {
    if (!shape.window)
      return e.i32(0);
    // A position is below 2^31, and so is what it minus the window is above.
    int64_t window =
        std::min<int64_t>(shape.window, std::numeric_limits<int32_t>::max());
    return e.max(e.i32(0), position + (1 - window));
  }

  /// The run of `sequence` that begins at row `begin` of the tile. Each warp
  /// looks at all rows, a lane at one of 32, and finds the same.
  Run findRun(Val begin, Val sequence) {
    Run run{begin, count, {}, {}, {}, {}};
    Vals rows, seenPositions;
    for (int64_t i = 0; i < shape.rowTile; i += kWarp) {
      Val number = rows.emplace_back(e.min(e.lane() + i, count - 1));
      seenPositions.push_back(loadNumber(column(Slot::Pos), number));
      Val other = loadNumber(column(Slot::Seq), number);
      Val behind = e.select(e.less(begin, number), number, count);
      run.end =
          e.min(run.end, e.select(e.equal(other, sequence), count, behind));
    }
    run.end = e.minWarp(run.end);
    auto isInside = [&](Val number) {
      return e.both(e.lessEqual(begin, number), e.less(number, run.end));
    };
    Val nothing = e.i32(-1), most = e.i32(std::numeric_limits<int32_t>::max());
    run.first = most;
    run.last = nothing;
    for (auto [number, position] : llvm::zip_equal(rows, seenPositions)) {
      Val last = e.select(isInside(number), position, nothing);
      Val isSeeing = e.lessEqual(e.i32(0), last), first = firstSeen(position);
      run.first = e.min(run.first, e.select(isSeeing, first, most));
      run.last = e.max(run.last, last);
    }
    run.last = e.maxWarp(run.last);
    run.first = shape.window ? e.minWarp(run.first) : e.i32(0);
    for (int64_t i = 0; i < kLaneRows; ++i) {
      run.firstOf[i] = firstSeen(positions[i]);
      run.lastOf[i] = e.select(isInside(places[i]), positions[i], nothing);
    }
    return run;
  }

  //===--- Copies --------------------------------------------------------===//

  /// Copies the slots of block `number` that `run` sees from `from` to a tile
  /// at `to`. Threads side by side copy chunks side by side. Only the first
  /// block of a run begins before what the run sees.
  void copyTile(const SwizzledTile &tile, const Run &run, Val number, Val from,
                Val to, bool isFirst) {
    int64_t rowsAtOnce = shape.threads() / tile.chunks();
    Val chunks = e.i32(tile.chunks());
    Val row = e.divide(e.thread(), chunks),
        chunk = e.remainder(e.thread(), chunks);
    Val place = tile.place(row, chunk);
    Val source =
        e.offset(from, wide(row * tile.rowBytes() + chunk * kChunkBytes));
    Val target = e.offset(to, place);
    for (int64_t first = 0; first < kBlock; first += rowsAtOnce) {
      Val slot = number * kBlock + row + first;
      Val isSeen = e.lessEqual(slot, run.last);
      if (isFirst && shape.window)
        isSeen = e.both(e.lessEqual(run.first, slot), isSeen);
      e.copyAsync(e.offset(target, first * tile.rowBytes()),
                  e.offset(source, first * tile.rowBytes()),
                  e.select(isSeen, e.i32(kChunkBytes), e.i32(0)));
    }
  }

  /// Copies block `number`, which page `page` holds.
  void copyBlock(SequencePages &pages, const Run &run, Val number, Val page,
                 bool isFirst) {
    Val begin = e.remainder(wide(number * kBlock), e.i64(layout.slots));
    Val from = pages.headOf(page, arguments.layer, head);
    Val to = ring.stage(number);
    copyTile(keyTile, run, number, e.offset(from, begin * keyTile.rowBytes()),
             to, isFirst);
    copyTile(valueTile, run, number,
             e.offset(e.offset(from, layout.valueOffset),
                      begin * valueTile.rowBytes()),
             e.offset(to, keyTile.bytes()), isFirst);
  }

  /// The page of block `number`, or of the last of `end` blocks.
  Val pageOf(SequencePages &pages, Val number, Val end) {
    Val inside = e.max(e.i32(0), e.min(number, end - 1));
    return pages.page(wide(inside * kBlock));
  }

  //===--- One block of slots --------------------------------------------===//

  /// Products of the queries with the keys of a block.
  SmallVector<FragmentC> score(Landed keys) {
    SmallVector<FragmentC> scores(kScores, {{zero(), zero(), zero(), zero()}});
    for (auto [k, query] : llvm::enumerate(queries))
      for (int64_t n = 0; n < kScores; n += 2) {
        auto [low, high] =
            keyReader.readTwoB(keys, n * kProductColumns, k * kProductDepth);
        scores[n] = multiply(e, query, low, scores[n]);
        scores[n + 1] = multiply(e, query, high, scores[n + 1]);
      }
    return scores;
  }

  /// Replaces the scores of slots that a row does not see. Nothing is to be
  /// done for a block that both of the lane's rows see whole; of a prompt, the
  /// lanes of a warp agree on it for all blocks but one or two.
  SmallVector<FragmentC> mask(ArrayRef<FragmentC> scores, const Run &run,
                              Val number) {
    Val begin = number * kBlock;
    Val isWhole =
        e.lessEqual(begin + (kBlock - 1), e.min(run.lastOf[0], run.lastOf[1]));
    if (shape.window)
      isWhole = e.both(
          e.lessEqual(e.max(run.firstOf[0], run.firstOf[1]), begin), isWhole);
    Vals whole;
    for (const FragmentC &score : scores)
      whole.append(score.sums.begin(), score.sums.end());
    SmallVector<Type> types(whole.size(), e.f32());
    Vals chosen = e.choose(
        isWhole, types, [&] { return whole; },
        [&] {
          Val first[kLaneRows], last[kLaneRows];
          Val lane = begin + laneColumn();
          for (int64_t i = 0; i < kLaneRows; ++i) {
            first[i] = run.firstOf[i] - lane;
            last[i] = run.lastOf[i] - lane;
          }
          Vals results;
          for (auto [i, score] : llvm::enumerate(whole)) {
            Val slot = e.i32(i / 4 * kProductColumns + i % 2);
            Val isSeen = e.lessEqual(slot, last[i % 4 / 2]);
            if (shape.window)
              isSeen = e.both(isSeen, e.lessEqual(first[i % 4 / 2], slot));
            results.push_back(e.select(isSeen, score, masked()));
          }
          return results;
        });
    SmallVector<FragmentC> results;
    for (int64_t n = 0; n < kScores; ++n)
      results.push_back({{chosen[4 * n], chosen[4 * n + 1], chosen[4 * n + 2],
                          chosen[4 * n + 3]}});
    return results;
  }

  /// Makes weights of `scores` and takes them into maximum and sum of `state`,
  /// whose products are rescaled.
  void weigh(SmallVectorImpl<FragmentC> &scores, State &state) {
    Val factor = e.constant(shape.scale * kLog2E, e.f32());
    Val corrections[kLaneRows];
    for (int64_t i = 0; i < kLaneRows; ++i) {
      Val largest = e.max(scores[0].sums[2 * i], scores[0].sums[2 * i + 1]);
      for (const FragmentC &score : ArrayRef(scores).drop_front())
        largest =
            e.max(largest, e.max(score.sums[2 * i], score.sums[2 * i + 1]));
      for (int64_t lane = 1; lane < kRowLanes; lane *= 2)
        largest = e.max(largest, e.shuffleXor(largest, lane));
      Val maximum = e.max(state.maximum[i], largest);
      corrections[i] = e.exp2((state.maximum[i] - maximum) * factor);
      // A row that has seen nothing yet has no maximum; it weighs zeros.
      Val base = e.select(e.equal(maximum, masked()), zero(), maximum * factor);
      Val added;
      for (FragmentC &score : scores) {
        for (int64_t j : {2 * i, 2 * i + 1})
          score.sums[j] = e.exp2(e.fma(score.sums[j], factor, zero() - base));
        Val two = score.sums[2 * i] + score.sums[2 * i + 1];
        added = added.emitter ? added + two : two;
      }
      state.maximum[i] = maximum;
      state.sum[i] = e.fma(state.sum[i], corrections[i], added);
    }
    for (FragmentC &product : state.products)
      for (int64_t j = 0; j < 4; ++j)
        product.sums[j] = product.sums[j] * corrections[j / 2];
  }

  /// Adds the products of the weights of a block with its values.
  void addValues(ArrayRef<FragmentC> weights, Landed values, State &state) {
    for (int64_t k = 0; k < kScores; k += 2) {
      FragmentA left = round(e, weights[k], weights[k + 1], shape.element);
      for (int64_t n = 0, end = state.products.size(); n < end; n += 2) {
        auto [low, high] = valueReader.readTwoB(values, k * kProductColumns,
                                                n * kProductColumns);
        state.products[n] = multiply(e, left, low, state.products[n]);
        state.products[n + 1] = multiply(e, left, high, state.products[n + 1]);
      }
    }
  }

  //===--- One run -------------------------------------------------------===//

  State fresh() {
    State state{{masked(), masked()}, {zero(), zero()}, {}};
    state.products.assign(shape.cache.getVSize() / kProductColumns,
                          {{zero(), zero(), zero(), zero()}});
    return state;
  }

  /// Runs over the blocks that `run` sees, in ascending order.
  State emitBlocks(SequencePages &pages, const Run &run) {
    Val begin = e.divide(run.first, e.i32(kBlock)),
        end = e.divide(run.last + kBlock, e.i32(kBlock));
    // All have read what the run before has left in the ring.
    e.barrier();
    for (int64_t i = 0; i < ring.ahead(); ++i) {
      Val number = begin + i;
      e.when(e.less(number, end), [&] {
        copyBlock(pages, run, number, pageOf(pages, number, end),
                  /*isFirst=*/i == 0);
      });
      ring.commit();
    }
    // The page of the block that is copied next is looked up one block before:
    // nobody waits for it.
    Vals carried = {pageOf(pages, begin + ring.ahead(), end)};
    carried.append(fresh().vals());
    Vals last =
        e.loop(begin, end, 1, carried, [&](Val number, ArrayRef<Val> before) {
          Landed landed = ring.wait(number);
          Val next = number + ring.ahead();
          e.when(e.less(next, end), [&] {
            copyBlock(pages, run, next, before[0], /*isFirst=*/false);
          });
          ring.commit();
          Vals after = {pageOf(pages, next + 1, end)};
          State state = State::of(before.drop_front());
          SmallVector<FragmentC> scores = mask(score(landed), run, number);
          weigh(scores, state);
          addValues(scores, landed.at(keyTile.bytes()), state);
          after.append(state.vals());
          return after;
        });
    return State::of(ArrayRef(last).drop_front());
  }

  /// A row that sees nothing gives zeros.
  void storeResult(const Run &run, const State &state) {
    int64_t bytes = rowBytes(op.getOutputs()[0].getType());
    Val base =
        e.offset(arguments.outputs[0],
                 firstRow * bytes + queryHead * (4 * shape.cache.getVSize()));
    for (int64_t i = 0; i < kLaneRows; ++i) {
      Val sum = state.sum[i];
      for (int64_t lane = 1; lane < kRowLanes; lane *= 2)
        sum = sum + e.shuffleXor(sum, lane);
      Val inverse = e.select(e.equal(sum, zero()), zero(),
                             e.divide(e.constant(1.0, e.f32()), sum));
      Val isInside = e.both(e.lessEqual(run.begin, numbers[i]),
                            e.less(numbers[i], run.end));
      e.when(isInside, [&] {
        Val row =
            e.offset(base, wide(numbers[i]) * bytes + wide(laneColumn()) * 4);
        for (auto [n, product] : llvm::enumerate(state.products)) {
          // A sum of zeros may have either sign, by blocks that add zeros; here
          // it becomes positive.
          auto result = [&](int64_t j) {
            return e.fma(product.sums[j], inverse, zero());
          };
          e.storeChunks(e.gather({result(2 * i), result(2 * i + 1)}),
                        e.offset(row, 4 * n * kProductColumns));
        }
      });
    }
  }

  //===--- The kernel ----------------------------------------------------===//

  void emitTile() {
    queryHead = wide(e.block(Axis::Y));
    head = e.divide(queryHead, e.i64(shape.group));
    placeThread();
    loadQueries();
    e.repeatWhile(
        {e.i32(0)},
        [&](ArrayRef<Val> begin) { return e.less(begin[0], count); },
        [&](ArrayRef<Val> begin) {
          Val sequence = loadNumber(column(Slot::Seq), begin[0]);
          Run run = findRun(begin[0], sequence);
          SequencePages pages(e, layout, arguments.frame,
                              configInt(op, "cache"), wide(sequence));
          storeResult(run, emitBlocks(pages, run));
          return Vals{run.end};
        });
  }

  void emit() {
    Val rows = arguments.rowEnd - arguments.rowBegin;
    Val tiles = e.divide(rows + (shape.rowTile - 1), e.i64(shape.rowTile));
    // The last rows of a sequence see most, and begin first.
    Val tile = tiles - 1 - wide(e.block());
    e.when(e.lessEqual(e.i64(0), tile), [&] {
      Val begin = tile * shape.rowTile;
      firstRow = arguments.rowBegin + begin;
      count = narrow(e.min(rows - begin, e.i64(shape.rowTile)));
      emitTile();
    });
    Grid grid;
    grid.rows = shape.rowTile;
    grid.parts = shape.heads();
    e.finish(grid);
  }
};

} // namespace

LogicalResult cuda::emitPrefill(tok::KernelOp op, func::FuncOp function,
                                const TargetDescription &target) {
  PrefillShape shape(op);
  if (failed(shape.check(op)))
    return failure();
  Emitter e(function, target, shape.threads());
  PrefillEmitter(e, op, shape, function.getBody().front()).emit();
  return success();
}
