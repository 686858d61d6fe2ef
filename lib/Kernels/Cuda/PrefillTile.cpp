//===- PrefillTile.cpp - A tile of rows that tensor cores compute ---------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cuda/PrefillTile.h"

#include "lib/Kernels/Common/Config.h"

#include "llvm/Support/MathExtras.h"

#include <limits>

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cuda;
using namespace tokopt::kernels;

static constexpr double kLog2E = 1.4426950408889634;
/// Lanes that share a row of a product.
static constexpr int64_t kRowLanes = 4;

PrefillState PrefillState::of(ArrayRef<Val> vals) {
  PrefillState state{{vals[0], vals[1]}, {vals[2], vals[3]}, {}};
  for (vals = vals.drop_front(4); !vals.empty(); vals = vals.drop_front(4))
    state.products.push_back({{vals[0], vals[1], vals[2], vals[3]}});
  return state;
}

Vals PrefillState::vals() const {
  Vals vals = {maximum[0], maximum[1], sum[0], sum[1]};
  for (const FragmentC &product : products)
    vals.append(product.sums.begin(), product.sums.end());
  return vals;
}

PrefillTile::PrefillTile(Emitter &e, tok::KernelOp op,
                         const PrefillShape &shape, Block &entry)
    : e(e), op(op), shape(shape), arguments(e, op, entry), layout(shape.cache) {
}

Val PrefillTile::wide(Val number) {
  return e.convert(number, e.i64(), /*isUnsigned=*/true);
}

Val PrefillTile::narrow(Val number) { return e.convert(number, e.i32()); }

Val PrefillTile::masked() { return e.constant(kMasked, e.f32()); }

Val PrefillTile::zero() { return e.zero(e.f32()); }

Val PrefillTile::laneColumn() {
  return e.remainder(e.lane(), e.i32(kRowLanes)) * 2;
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

Val PrefillTile::column(Slot slot) {
  Val base = e.slot(arguments.frame, slot, arguments.frame.type());
  return e.offset(base, firstRow * 4);
}

Val PrefillTile::loadNumber(Val column, Val row) {
  return e.load(e.i32(), e.offset(column, wide(row) * 4));
}

void PrefillTile::placeThread() {
  Val first = e.warp() * kProductRows + e.divide(e.lane(), e.i32(kRowLanes));
  for (int64_t i = 0; i < kLaneRows; ++i) {
    numbers[i] = first + i * kProductRows / kLaneRows;
    places[i] = e.min(numbers[i], count - 1);
    positions[i] = loadNumber(column(Slot::Pos), places[i]);
  }
}

void PrefillTile::loadQueries() {
  int64_t bytes = rowBytes(op.getInputs()[0].getType());
  Val base =
      e.offset(arguments.inputs[0],
               firstRow * bytes + queryHead * (4 * shape.cache.getKSize()));
  Val rows[kLaneRows];
  for (int64_t i = 0; i < kLaneRows; ++i)
    rows[i] = e.offset(base, wide(places[i]) * bytes + wide(laneColumn()) * 4);
  auto pair = [&](Val row, int64_t channel) {
    Val two =
        e.loadChunks(VectorType::get({2}, e.f32()), e.offset(row, 4 * channel));
    return e.pack(e.extract(two, 0), e.extract(two, 1), shape.element);
  };
  for (int64_t k = 0; k < shape.cache.getKSize(); k += kProductDepth)
    queries.push_back({shape.element,
                       {pair(rows[0], k), pair(rows[1], k),
                        pair(rows[0], k + kProductDepth / 2),
                        pair(rows[1], k + kProductDepth / 2)}});
}

Val PrefillTile::firstSeen(Val position) {
  if (!shape.window)
    return e.i32(0);
  // A position is below 2^31, and so is what it minus the window is above.
  int64_t window =
      std::min<int64_t>(shape.window, std::numeric_limits<int32_t>::max());
  return e.max(e.i32(0), position + (1 - window));
}

PrefillRun PrefillTile::findRun(Val begin, Val sequence) {
  PrefillRun run{begin, count, {}, {}, {}, {}};
  Vals rows, seenPositions;
  for (int64_t i = 0; i < shape.rowTile; i += kWarp) {
    Val number = rows.emplace_back(e.min(e.lane() + i, count - 1));
    seenPositions.push_back(loadNumber(column(Slot::Pos), number));
    Val other = loadNumber(column(Slot::Seq), number);
    Val behind = e.select(e.less(begin, number), number, count);
    run.end = e.min(run.end, e.select(e.equal(other, sequence), count, behind));
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

Vals PrefillTile::forEachRun(
    ArrayRef<Val> carried,
    function_ref<Vals(const PrefillRun &, SequencePages &, ArrayRef<Val>)>
        body) {
  Vals start = {e.i32(0)};
  start.append(carried.begin(), carried.end());
  return e.repeatWhile(
      start, [&](ArrayRef<Val> state) { return e.less(state[0], count); },
      [&](ArrayRef<Val> state) {
        Val sequence = loadNumber(column(Slot::Seq), state[0]);
        PrefillRun run = findRun(state[0], sequence);
        SequencePages pages(e, layout, arguments.frame, configInt(op, "cache"),
                            wide(sequence));
        Vals next = {run.end};
        next.append(body(run, pages, state.drop_front()));
        return next;
      });
}

Val PrefillTile::pageOf(SequencePages &pages, Val number, Val end) {
  Val inside = e.max(e.i32(0), e.min(number, end - 1));
  return pages.page(wide(inside * kBlock));
}

//===----------------------------------------------------------------------===//
// Blocks of slots
//===----------------------------------------------------------------------===//

PrefillState PrefillTile::fresh() {
  PrefillState state{{masked(), masked()}, {zero(), zero()}, {}};
  state.products.assign(shape.cache.getVSize() / kProductColumns,
                        {{zero(), zero(), zero(), zero()}});
  return state;
}

SmallVector<FragmentC> PrefillTile::mask(ArrayRef<FragmentC> scores,
                                         const PrefillRun &run, Val number) {
  Val begin = number * kBlock;
  Val isWhole =
      e.lessEqual(begin + (kBlock - 1), e.min(run.lastOf[0], run.lastOf[1]));
  if (shape.window)
    isWhole = e.both(e.lessEqual(e.max(run.firstOf[0], run.firstOf[1]), begin),
                     isWhole);
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

std::array<Val, kLaneRows> PrefillTile::weigh(MutableArrayRef<FragmentC> scores,
                                              PrefillState &state) {
  Val factor = e.constant(shape.scale * kLog2E, e.f32());
  std::array<Val, kLaneRows> corrections;
  for (int64_t i = 0; i < kLaneRows; ++i) {
    Val largest = e.max(scores[0].sums[2 * i], scores[0].sums[2 * i + 1]);
    for (const FragmentC &score : scores.drop_front())
      largest = e.max(largest, e.max(score.sums[2 * i], score.sums[2 * i + 1]));
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
  return corrections;
}

void PrefillTile::rescale(MutableArrayRef<FragmentC> products,
                          const std::array<Val, kLaneRows> &corrections) {
  for (FragmentC &product : products)
    for (int64_t j = 0; j < 4; ++j)
      product.sums[j] = product.sums[j] * corrections[j / 2];
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

void PrefillTile::storeResult(const PrefillRun &run,
                              const PrefillState &state) {
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
    Val isInside =
        e.both(e.lessEqual(run.begin, numbers[i]), e.less(numbers[i], run.end));
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

void PrefillTile::emit(function_ref<void()> emitTile) {
  Val rows = arguments.rowEnd - arguments.rowBegin;
  Val tiles = e.divide(rows + (shape.rowTile - 1), e.i64(shape.rowTile));
  // The last rows of a sequence see most, and begin first.
  Val tile = tiles - 1 - wide(e.block());
  e.when(e.lessEqual(e.i64(0), tile), [&] {
    Val begin = tile * shape.rowTile;
    firstRow = arguments.rowBegin + begin;
    count = narrow(e.min(rows - begin, e.i64(shape.rowTile)));
    queryHead = wide(e.block(Axis::Y));
    head = e.divide(queryHead, e.i64(shape.group));
    placeThread();
    emitTile();
  });
  Grid grid;
  grid.rows = shape.rowTile;
  grid.parts = shape.heads();
  grid.residents = shape.residents();
  e.finish(grid);
}
