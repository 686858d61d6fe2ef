//===- Attention.cpp - Decode attention over cached pages -----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Online softmax in the order of Common/Segments.h. A block of threads takes
// one row and some query heads of one key/value head. Of each block of 64
// slots, a warp takes 64 / warps; it keeps maximum, sum and accumulators of its
// own, so that warps do not wait for each other within a segment. At the end of
// a segment the warps' states merge in ascending order.
//
// Lanes side by side read the chunks of a slot, 16 bytes each. Slots that the
// row does not see are not read: the nearest one that it sees is read in their
// place, and weighs exactly zero.
//
// In z, blocks share the segments of a row (Flash-Decoding, Dao et al. 2023).
// Each leaves the state of every segment in memory; the last block to come, by
// a counter, merges them in ascending order. A block that has all segments
// merges them as they come. Both do the same operations in the same order, so
// the number of splits changes no bit.
//
// The counters are at the frame's slot `barrier`: an i32 for each row and part,
// zero before and after.
//
// config: heads (query heads), scale, window, cache, context, row_bytes; knobs:
//         group (query heads of a block), warps, split_rows
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cuda/Attention.h"
#include "lib/Kernels/Common/Config.h"
#include "lib/Kernels/Common/Pages.h"
#include "lib/Kernels/Cuda/Arguments.h"
#include "lib/Kernels/Cuda/AttentionShape.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cuda;
using namespace tokopt::kernels;

namespace {

using cuda::Emitter;

/// Blocks that a grid has in z at most.
constexpr int64_t kMostBlocks = 65535;

/// Maximum and sum of weights of a head, and four channels of its accumulator.
struct State {
  Val maximum, sum, channels;

  static State of(ArrayRef<Val> vals) { return {vals[0], vals[1], vals[2]}; }
  Vals vals() const { return {maximum, sum, channels}; }
};

/// Emits one kernel.
struct AttentionEmitter {
  Emitter &e;
  tok::KernelOp op;
  const AttentionShape &shape;
  Arguments arguments;
  PageLayout layout;
  int64_t window;
  double scale;

  /// Shared memory: weights of each warp's slice, states of the warps, and
  /// whether this block is the last.
  Val weights, warpChannels, warpSums, lastFlag;
  /// The row, its position and the first that it sees, the key/value head, the
  /// part of its query heads.
  Val row, position, lowest, head, part;
  /// The slot of a block whose score this lane has, and those of its loads.
  Val scoreSlot, keySlot, valueSlot, keyChunk, valueChunk;
  /// Chunks of the queries, an element each.
  SmallVector<Vals> queries;

  AttentionEmitter(Emitter &e, tok::KernelOp op, const AttentionShape &shape,
                   Block &entry)
      : e(e), op(op), shape(shape), arguments(e, op, entry),
        layout(shape.cache), window(configInt(op, "window")),
        scale(configFloat(op, "scale")) {}

  Val wide(Val number) {
    return e.convert(number, e.i64(), /*isUnsigned=*/true);
  }
  Type four() { return e.vec(4, e.f32()); }
  Val masked() { return e.constant(kMasked, e.f32()); }

  //===--- Slots ---------------------------------------------------------===//

  void placeThread() {
    int64_t slice = shape.slice();
    Val warpSlot = e.warp() * slice;
    scoreSlot = warpSlot + e.divide(e.lane(), e.i32(shape.copies()));
    auto place = [&](const CacheCodec &codec, Val &slot, Val &chunk) {
      Val lanes = e.i32(codec.lanes());
      slot = warpSlot + e.divide(e.lane(), lanes) * shape.loads(codec);
      chunk = e.remainder(e.lane(), lanes);
      // Lanes beyond the last chunk read it too, and nobody reads theirs.
      if (codec.chunks() < codec.lanes())
        chunk = e.min(chunk, e.i32(codec.chunks() - 1));
    };
    place(shape.keys, keySlot, keyChunk);
    place(shape.values, valueSlot, valueChunk);
  }

  /// A query's chunk; zeros stand beyond the last.
  void loadQueries() {
    int64_t elements = shape.keys.chunkElements();
    Val base = e.offset(arguments.inputs[0],
                        row * rowBytes(op.getInputs()[0].getType()) +
                            (head * shape.heads + part * shape.group) *
                                (4 * shape.keys.size));
    Val isInside = e.less(e.remainder(e.lane(), e.i32(shape.keys.lanes())),
                          e.i32(shape.keys.chunks()));
    for (int64_t h = 0; h < shape.group; ++h) {
      Val at = e.offset(base, wide(keyChunk * (4 * elements)));
      Val chunk = e.loadChunks(VectorType::get({elements}, e.f32()),
                               e.offset(at, 4 * h * shape.keys.size));
      Vals &query = queries.emplace_back();
      for (int64_t i = 0; i < elements; ++i) {
        Val q = e.extract(chunk, i);
        query.push_back(shape.keys.chunks() < shape.keys.lanes()
                            ? e.select(isInside, q, e.zero(e.f32()))
                            : q);
      }
    }
  }

  /// A block of 64 slots in its page.
  struct SlotBlock {
    /// The head's first byte, the block's first slot in the page, and the first
    /// and last slot of the block that the row sees.
    Val head, begin, first, last;
  };

  SlotBlock findBlock(SequencePages &pages, Val number) {
    Val start = number * kBlock;
    Val begin = e.convert(e.remainder(start, e.i64(layout.slots)), e.i32());
    Val last = e.convert(e.min(position - start, e.i64(kBlock - 1)), e.i32());
    Val first =
        window ? e.convert(e.max(lowest - start, e.i64(0)), e.i32()) : e.i32(0);
    return {pages.head(start, arguments.layer, head), begin, first, last};
  }

  /// The slot in its page, or the nearest that the row sees.
  Val seen(const SlotBlock &block, Val slot) {
    return block.begin + e.max(block.first, e.min(slot, block.last));
  }

  /// Each caller is a line of its own in what the simulator counts.
  Vals loadSlice(const SlotBlock &block, const CacheCodec &codec, Val slot,
                 Val chunk, int64_t offset, Here here = {}) {
    Vals chunks;
    for (int64_t i = 0; i < shape.loads(codec); ++i) {
      Val bytes =
          seen(block, slot + i) * codec.slotBytes() + chunk * kChunkBytes;
      chunks.push_back(codec.load(
          e, e.offset(e.offset(block.head, wide(bytes)), offset), here));
    }
    return chunks;
  }

  Val loadScale(const SlotBlock &block, int64_t offset) {
    Val bytes = seen(block, scoreSlot) * 4;
    return e.load(e.f32(), e.offset(block.head, wide(bytes)), offset);
  }

  //===--- One block of slots --------------------------------------------===//

  /// For each head: maximum, sum of this lane's weights, and the accumulators
  /// of its chunk.
  Vals freshSums() {
    Vals sums;
    Type channels = e.vec(shape.values.chunkElements(), e.f32());
    for (int64_t h = 0; h < shape.group; ++h)
      sums.append({masked(), e.zero(e.f32()), e.zero(channels)});
    return sums;
  }

  /// This lane's score for query head `h`, from the lane's part of the products
  /// of the slice.
  Val score(ArrayRef<Val> keys, int64_t h) {
    Vals products;
    for (Val key : keys) {
      Val sum = e.extract(key, 0) * queries[h][0];
      for (int64_t i = 1; i < shape.keys.chunkElements(); ++i)
        sum = e.fma(e.extract(key, i), queries[h][i], sum);
      products.push_back(sum);
    }
    return e.scatterSum(products, shape.keys.lanes());
  }

  Vals emitBlock(SequencePages &pages, Val number, ArrayRef<Val> before) {
    SlotBlock block = findBlock(pages, number);
    // All loads first, so that they wait for memory together.
    Vals keys = loadSlice(block, shape.keys, keySlot, keyChunk, 0);
    Vals values = loadSlice(block, shape.values, valueSlot, valueChunk,
                            layout.valueOffset);
    Val factor = e.constant(scale, e.f32()), valueScale;
    if (shape.keys.hasScale())
      factor = factor * loadScale(block, layout.keyScaleOffset);
    if (shape.values.hasScale())
      valueScale = loadScale(block, layout.valueScaleOffset);
    for (Val &key : keys)
      key = shape.keys.decode(e, key);
    Val isSeen = e.both(e.lessEqual(block.first, scoreSlot),
                        e.lessEqual(scoreSlot, block.last));

    Vals after, laneWeights;
    for (int64_t h = 0; h < shape.group; ++h) {
      auto [maximum, sum, channels] = State::of(before.slice(3 * h, 3));
      Val x = e.select(isSeen, score(keys, h) * factor, masked());
      Val larger = e.max(maximum, e.maxWarp(x, shape.copies()));
      Val correction = e.exp(maximum - larger);
      // A slice without a slot that is seen has no maximum yet.
      Val weight = e.select(isSeen, e.exp(x - larger), e.zero(e.f32()));
      laneWeights.push_back(valueScale.value ? weight * valueScale : weight);
      Val wideCorrection = e.splat(correction, shape.values.chunkElements());
      after.append(
          {larger, e.fma(sum, correction, weight), channels * wideCorrection});
    }
    exchangeWeights(laneWeights, [&](int64_t load, ArrayRef<Val> slotWeights) {
      Val value = shape.values.decode(e, values[load]);
      for (int64_t h = 0; h < shape.group; ++h) {
        Val weight = e.splat(slotWeights[h], shape.values.chunkElements());
        after[3 * h + 2] = e.fma(value, weight, after[3 * h + 2]);
      }
    });
    return after;
  }

  /// Hands the weights of a slot from the lane that has them to those that have
  /// its values, and calls `body` for each load of values.
  void exchangeWeights(ArrayRef<Val> laneWeights,
                       function_ref<void(int64_t, ArrayRef<Val>)> body) {
    int64_t width = shape.planeHeads();
    Vals padded(laneWeights);
    padded.resize(shape.planes() * width, e.zero(e.f32()));
    Val isFirst =
        e.equal(e.remainder(e.lane(), e.i32(shape.copies())), e.i32(0));
    auto placeOf = [&](Val slot, int64_t plane) {
      return e.offset(e.offset(weights, plane * shape.planeBytes()),
                      wide(slot * (4 * width)));
    };
    e.when(isFirst, [&] {
      for (int64_t plane = 0; plane < shape.planes(); ++plane)
        e.storeChunks(e.gather(ArrayRef(padded).slice(plane * width, width)),
                      placeOf(scoreSlot, plane));
    });
    e.warpBarrier();
    for (int64_t i = 0; i < shape.loads(shape.values); ++i) {
      Vals slotWeights;
      for (int64_t plane = 0; plane < shape.planes(); ++plane) {
        Val part = e.loadChunks(VectorType::get({width}, e.f32()),
                                placeOf(valueSlot + i, plane));
        for (int64_t h = 0; h < width; ++h)
          slotWeights.push_back(e.extract(part, h));
      }
      body(i, slotWeights);
    }
    e.warpBarrier();
  }

  //===--- One segment ---------------------------------------------------===//

  /// Where a unit of four channels is in a head: lanes side by side write units
  /// side by side.
  Val channelOf(Val unit) {
    Val chunks = e.i32(shape.values.chunks());
    return e.remainder(unit, chunks) * shape.values.chunkElements() +
           e.divide(unit, chunks) * 4;
  }

  /// Leaves the sums of a warp in shared memory.
  void storeWarpState(ArrayRef<Val> sums) {
    const CacheCodec &values = shape.values;
    Val isHolder = e.less(e.lane(), e.i32(values.chunks()));
    for (int64_t h = 0; h < shape.group; ++h) {
      auto [maximum, sum, channels] = State::of(sums.slice(3 * h, 3));
      Val total = e.sumWarp(sum, shape.copies());
      Vals elements;
      for (int64_t i = 0; i < values.chunkElements(); ++i)
        elements.push_back(e.sumWarp(e.extract(channels, i), values.lanes()));
      Val place = e.warp() * shape.group + h;
      e.when(isHolder, [&] {
        Val at =
            e.offset(warpChannels, wide((place * shape.headUnits() + e.lane()) *
                                        kChunkBytes));
        for (int64_t i = 0; i < values.chunkElements() / 4; ++i)
          e.storeChunks(e.gather(ArrayRef(elements).slice(4 * i, 4)),
                        e.offset(at, i * values.chunks() * kChunkBytes));
      });
      e.when(e.equal(e.lane(), e.i32(0)), [&] {
        e.storeChunks(e.gather({maximum, total}),
                      e.offset(warpSums, wide(place * 8)));
      });
    }
  }

  /// Four channels of a head that this thread holds in a round.
  struct Unit {
    Val number, head, inHead, isInside;
  };

  Unit unitOf(int64_t round) {
    Val number = e.thread() + round * shape.threads();
    Val isInside = e.less(number, e.i32(shape.units()));
    // Threads beyond compute the last one again and store nothing.
    Val unit = e.min(number, e.i32(shape.units() - 1));
    Val units = e.i32(shape.headUnits());
    return {unit, e.divide(unit, units), e.remainder(unit, units), isInside};
  }

  /// `a` and `b` as one: each weighs by its own maximum.
  State merge(const State &a, const State &b) {
    Val maximum = e.max(a.maximum, b.maximum);
    Val old = e.exp(a.maximum - maximum), added = e.exp(b.maximum - maximum);
    return {maximum, e.fma(a.sum, old, b.sum * added),
            e.fma(a.channels, e.splat(old, 4), b.channels * e.splat(added, 4))};
  }

  State fresh() { return {masked(), e.zero(e.f32()), e.zero(four())}; }

  /// The state of a segment from those of the warps, in ascending order.
  State mergeWarps(const Unit &unit) {
    State state = fresh();
    for (int64_t warp = 0; warp < shape.warps; ++warp) {
      Val at = e.offset(warpSums, wide(unit.head * 8));
      Val sums = e.loadChunks(VectorType::get({2}, e.f32()),
                              e.offset(at, 8 * warp * shape.group));
      Val place = e.offset(warpChannels, wide(unit.number * kChunkBytes));
      Val channels =
          e.loadChunks(VectorType::get({4}, e.f32()),
                       e.offset(place, warp * shape.units() * kChunkBytes));
      state = merge(state, {e.extract(sums, 0), e.extract(sums, 1), channels});
    }
    return state;
  }

  /// Runs over the blocks of `segment` and leaves the warps' states in shared
  /// memory.
  void emitSegment(SequencePages &pages, Val segment, Val firstBlock,
                   Val blocks) {
    Val begin = e.max(firstBlock, segment * kSegmentBlocks);
    Val end = e.min(blocks, segment * kSegmentBlocks + kSegmentBlocks);
    Vals sums = e.loop(begin, end, 1, freshSums(),
                       [&](Val number, ArrayRef<Val> carried) {
                         return emitBlock(pages, number, carried);
                       });
    storeWarpState(sums);
    e.barrier();
  }

  //===--- States in memory ----------------------------------------------===//

  void storeState(const Unit &unit, const State &state, Val place) {
    e.when(unit.isInside, [&] {
      e.storeChunks(state.channels,
                    e.offset(place, wide(unit.number * kChunkBytes)));
      e.when(e.equal(unit.inHead, e.i32(0)), [&] {
        Val at = e.offset(place, wide(unit.head * 8));
        e.storeChunks(e.gather({state.maximum, state.sum}),
                      e.offset(at, shape.units() * kChunkBytes));
      });
    });
  }

  State loadState(const Unit &unit, Val place) {
    Val channels =
        e.loadChunks(VectorType::get({4}, e.f32()),
                     e.offset(place, wide(unit.number * kChunkBytes)));
    Val at = e.offset(place, wide(unit.head * 8));
    Val sums = e.loadChunks(VectorType::get({2}, e.f32()),
                            e.offset(at, shape.units() * kChunkBytes));
    return {e.extract(sums, 0), e.extract(sums, 1), channels};
  }

  /// A row that sees nothing gives zeros.
  void storeResult(ArrayRef<Val> states) {
    Val out = e.offset(arguments.outputs[0],
                       row * rowBytes(op.getOutputs()[0].getType()) +
                           (head * shape.heads + part * shape.group) *
                               (4 * shape.values.size));
    for (int64_t round = 0; round < shape.rounds(); ++round) {
      Unit unit = unitOf(round);
      State state = State::of(states.slice(3 * round, 3));
      Val zero = e.zero(e.f32());
      Val inverse = e.select(e.equal(state.sum, zero), zero,
                             e.divide(e.constant(1.0, e.f32()), state.sum));
      Val bytes = (unit.head * shape.values.size + channelOf(unit.inHead)) * 4;
      e.when(unit.isInside, [&] {
        e.storeChunks(state.channels * e.splat(inverse, 4),
                      e.offset(out, wide(bytes)));
      });
    }
  }

  //===--- One row -------------------------------------------------------===//

  Val column(Slot slot) {
    Val base = e.slot(arguments.frame, slot, arguments.frame.type());
    return e.convert(e.load(e.i32(), e.offset(base, row * 4)), e.i64());
  }

  Vals freshStates() {
    Vals states;
    for (int64_t round = 0; round < shape.rounds(); ++round)
      states.append(fresh().vals());
    return states;
  }

  /// Calls `next` with the state of each round and puts what it gives in its
  /// place.
  Vals mapStates(ArrayRef<Val> states,
                 function_ref<State(const Unit &, const State &)> next) {
    Vals results;
    for (int64_t round = 0; round < shape.rounds(); ++round)
      results.append(
          next(unitOf(round), State::of(states.slice(3 * round, 3))).vals());
    return results;
  }

  void allocateShared() {
    weights = e.shared(shape.planes() * shape.planeBytes());
    warpChannels = e.shared(shape.warps * shape.units() * kChunkBytes);
    warpSums = e.shared(shape.warps * shape.group * 8);
    lastFlag = e.shared(4);
  }

  void emitRow() {
    position = column(Slot::Pos);
    lowest = window ? e.max(e.i64(0), position + (1 - window)) : e.i64(0);
    Val parts = e.i32(shape.parts());
    head = wide(e.divide(e.block(Axis::Y), parts));
    part = wide(e.remainder(e.block(Axis::Y), parts));
    Val firstBlock = e.divide(lowest, e.i64(kBlock));
    Val blocks = e.divide(position + kBlock, e.i64(kBlock));
    Val firstSegment = e.divide(firstBlock, e.i64(kSegmentBlocks));
    Val count = e.divide(blocks + (kSegmentBlocks - 1), e.i64(kSegmentBlocks)) -
                firstSegment;
    // A block's share of the segments; a row without any has one share too.
    Val shares = e.max(count, e.i64(1));
    Val number = wide(e.block(Axis::Z)), splits = wide(e.blockCount(Axis::Z));
    Val begin = e.divide(shares * number, splits),
        end = e.divide(shares * (number + 1), splits);
    e.when(e.less(begin, end), [&] {
      Val blocksAtWork = e.min(shares, splits);
      emitShare(firstSegment, firstBlock, blocks, begin, e.min(end, count),
                count, blocksAtWork);
    });
  }

  /// The segments number `begin` to `end` of a row's `count`, which
  /// `blocksAtWork` blocks share.
  void emitShare(Val firstSegment, Val firstBlock, Val blocks, Val begin,
                 Val end, Val count, Val blocksAtWork) {
    placeThread();
    loadQueries();
    SequencePages pages(e, layout, arguments.frame, configInt(op, "cache"),
                        column(Slot::Seq));
    Val isAlone = e.equal(blocksAtWork, e.i64(1));
    Val item =
        (row - arguments.rowBegin) * (shape.cache.getHeads() * shape.parts()) +
        wide(e.block(Axis::Y));
    Val workspace =
        e.slot(arguments.frame, Slot::Workspace, arguments.frame.type());
    Val capacity = e.slot(arguments.frame, Slot::Capacity, e.i64());
    Val states =
        e.offset(e.offset(workspace, capacity * configOr(op, "row_bytes", 0)),
                 item * (shape.segments * shape.stateBytes()));
    auto placeOf = [&](Val number) {
      return e.offset(states, number * shape.stateBytes());
    };

    SmallVector<Type> types =
        llvm::map_to_vector(freshStates(), [](Val val) { return val.type(); });
    Vals total = e.loop(
        begin, end, 1, freshStates(), [&](Val number, ArrayRef<Val> carried) {
          emitSegment(pages, firstSegment + number, firstBlock, blocks);
          Vals merged = e.choose(
              isAlone, types,
              [&] {
                return mapStates(carried,
                                 [&](const Unit &unit, const State &state) {
                                   return merge(state, mergeWarps(unit));
                                 });
              },
              [&] {
                return mapStates(
                    carried, [&](const Unit &unit, const State &state) {
                      storeState(unit, mergeWarps(unit), placeOf(number));
                      return state;
                    });
              });
          e.barrier(); // before the next segment's states
          return merged;
        });
    e.choose(
        isAlone, {},
        [&] {
          storeResult(total);
          return Vals();
        },
        [&] {
          whenLast(item, blocksAtWork, [&] {
            storeResult(e.loop(
                e.i64(0), count, 1, freshStates(),
                [&](Val number, ArrayRef<Val> carried) {
                  return mapStates(
                      carried, [&](const Unit &unit, const State &state) {
                        return merge(state, loadState(unit, placeOf(number)));
                      });
                }));
          });
          return Vals();
        });
  }

  /// Runs `body` in the last of `blocksAtWork` blocks that comes here. What all
  /// of them wrote is visible there.
  void whenLast(Val item, Val blocksAtWork, function_ref<void()> body) {
    Val last = e.convert(blocksAtWork - 1, e.i32());
    Val counters =
        e.slot(arguments.frame, Slot::Barrier, arguments.frame.type());
    // The barrier of the loop stands between the block's states and this.
    e.when(e.equal(e.thread(), e.i32(0)), [&] {
      e.fence();
      Val before = e.countUp(e.offset(counters, item * 4), last);
      e.fence();
      e.store(before, lastFlag);
    });
    e.barrier();
    e.when(e.equal(e.load(e.i32(), lastFlag), last), body);
  }

  LogicalResult emit() {
    allocateShared();
    Val number = wide(e.block());
    row = arguments.rowBegin + number;
    e.when(e.less(row, arguments.rowEnd), [&] { emitRow(); });
    Grid grid;
    grid.parts = shape.cache.getHeads() * shape.parts();
    grid.splits = std::min(shape.segments, kMostBlocks);
    grid.splitRows = shape.splitRows;
    e.finish(grid);
    return success();
  }
};

} // namespace

LogicalResult cuda::emitDecode(tok::KernelOp op, func::FuncOp function,
                               const TargetDescription &target) {
  AttentionShape shape(op);
  if (failed(shape.check(op)))
    return failure();
  Emitter e(function, target, shape.threads());
  return AttentionEmitter(e, op, shape, function.getBody().front()).emit();
}
