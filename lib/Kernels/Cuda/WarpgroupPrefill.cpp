//===- WarpgroupPrefill.cpp - Attention of many rows on sm_90a ------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// FlashAttention-3 (Shah et al. 2024) over cached pages, without its overlap
// within a warpgroup. A block of threads takes a tile of rows and one query
// head. A warpgroup multiplies 64 of the rows; while one takes maxima and
// exponentials, another has the tensor cores. A warp of its own asks for keys
// and values, a box of 64 slots at a time, as far ahead as there are stages.
// Queries and weights are left matrices in registers.
//
// A box has all 64 slots, those that no row sees too, whose contents are
// anything. Their scores are replaced; that their values, times a weight of
// zero, are zero, holds for numbers only. So of the first and the last block
// of a run, the copying warp clears the values that nobody sees.
//
// config: as Prefill.cpp
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Common/Config.h"
#include "lib/Kernels/Cuda/Attention.h"
#include "lib/Kernels/Cuda/PrefillTile.h"
#include "lib/Kernels/Cuda/Warpgroup.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cuda;
using namespace tokopt::kernels;

namespace {

using cuda::Emitter;
using Lies = WarpgroupOperand::Lies;

/// Emits one kernel.
struct WarpgroupPrefillEmitter : PrefillTile {
  const PanelTile keyTile, valueTile;
  const TensorMap keyMap, valueMap;
  const TensorRing keys, values;
  /// Where the values of a block arrive of which some are cleared.
  const Mbarriers partial;

  WarpgroupPrefillEmitter(Emitter &e, tok::KernelOp op,
                          const PrefillShape &shape, Block &entry)
      : PrefillTile(e, op, shape, entry),
        keyTile(shape.element, kBlock, shape.cache.getKSize(),
                Swizzle::Bytes128),
        valueTile(shape.element, kBlock, shape.cache.getVSize(),
                  Swizzle::Bytes128),
        keyMap(mapOf(keyTile)), valueMap(mapOf(valueTile)),
        keys(e, shape.stages, keyTile.bytes(), shape.warpgroups()),
        values(e, shape.stages, valueTile.bytes(), shape.warpgroups()),
        partial(e, /*count=*/1, /*arrivals=*/1) {}

  /// The pages as rows of one slot's keys, or values, of a head.
  TensorMap mapOf(const PanelTile &tile) {
    return TensorMap::ofCache(e, configInt(op, "cache"), tile, tile.columns,
                              2 * tile.columns);
  }

  Val isFirstLane() { return e.equal(e.lane(), e.i32(0)); }

  //===--- Copies --------------------------------------------------------===//

  /// The row of a map at which block `number` begins, in page `page` and
  /// `offset` bytes behind its head's first.
  Val rowOf(const PanelTile &tile, Val page, Val number, int64_t offset) {
    int64_t bytes = 2 * tile.columns;
    Val begin = e.remainder(number * kBlock, e.i32(layout.slots));
    return page * (layout.pageBytes / bytes) +
           narrow(arguments.layer) * (layout.layerBytes / bytes) +
           narrow(head) * (layout.headBytes / bytes) + begin + offset / bytes;
  }

  /// Clears the values of block `number`, at `to`, that `run` does not see.
  void clearUnseen(const PrefillRun &run, Val number, Val to) {
    constexpr int64_t kChunks = 8, kRows = kWarp / kChunks;
    Val nothing =
        e.zero(VectorType::get({SwizzledTile::kChunkElements}, shape.element));
    Val first = e.divide(e.lane(), e.i32(kChunks)),
        chunk = e.remainder(e.lane(), e.i32(kChunks));
    e.loop(e.i32(0), e.i32(kBlock), kRows, [&](Val begin) {
      Val row = begin + first, slot = number * kBlock + row;
      Val isSeen =
          e.both(e.lessEqual(run.first, slot), e.lessEqual(slot, run.last));
      e.when(e.equal(isSeen, e.zero(isSeen.type())), [&] {
        // Chunks change places within their row only.
        Val at = e.offset(to, row * valueTile.rowBytes() + chunk * kChunkBytes);
        for (int64_t panel = 0; panel < valueTile.panels(); ++panel)
          e.storeChunks(nothing, e.offset(at, panel * valueTile.panelBytes()));
      });
    });
  }

  /// Copies the values of block `number` to the stage of `turn`, and clears
  /// those that `run` does not see; `parity` is that of how often this was
  /// done.
  void copyPart(const PrefillRun &run, Val number, Val row, Val turn,
                Val parity) {
    Val to = values.claim(turn);
    Val only = e.i32(0);
    e.when(isFirstLane(), [&] {
      partial.expect(only, valueTile.bytes());
      copyTile(e, valueMap, row, to, partial.at(only));
    });
    partial.wait(only, parity);
    clearUnseen(run, number, to);
    fenceProxies(e);
    e.warpBarrier();
    e.when(isFirstLane(), [&] { values.publish(turn); });
  }

  /// Copies the blocks that each run sees, in the order in which they are
  /// multiplied.
  void emitCopies() {
    // Blocks so far, and those of which values were cleared.
    forEachRun({e.i32(0), e.i32(0)}, [&](const PrefillRun &run,
                                         SequencePages &pages,
                                         ArrayRef<Val> before) {
      Val begin = beginOf(run), end = endOf(run);
      Vals cleared = e.loop(
          begin, end, 1, before[1], [&](Val number, ArrayRef<Val> cleared) {
            Val turn = before[0] + number - begin;
            Val page = pageOf(pages, number, end);
            Val keyRow = rowOf(keyTile, page, number, 0),
                valueRow = rowOf(valueTile, page, number, layout.valueOffset);
            e.when(isFirstLane(), [&] {
              Val to = keys.fill(turn);
              copyTile(e, keyMap, keyRow, to, keys.filledAt(turn));
            });
            Val isWhole =
                e.both(e.lessEqual(run.first, number * kBlock),
                       e.lessEqual(number * kBlock + (kBlock - 1), run.last));
            return e.choose(
                isWhole, e.i32(),
                [&] {
                  e.when(isFirstLane(), [&] {
                    Val to = values.fill(turn);
                    copyTile(e, valueMap, valueRow, to, values.filledAt(turn));
                  });
                  return Vals{cleared[0]};
                },
                [&] {
                  copyPart(run, number, valueRow, turn,
                           e.andBits(cleared[0], 1));
                  return Vals{cleared[0] + 1};
                });
          });
      return Vals{before[0] + countOf(begin, end), cleared[0]};
    });
  }

  //===--- Products ------------------------------------------------------===//

  Val beginOf(const PrefillRun &run) {
    return e.divide(run.first, e.i32(kBlock));
  }
  Val endOf(const PrefillRun &run) {
    return e.divide(run.last + kBlock, e.i32(kBlock));
  }
  /// Blocks of a run, which has none where no row sees anything.
  Val countOf(Val begin, Val end) { return e.max(e.i32(0), end - begin); }

  /// One thread of the warpgroup says that all have read a stage: its wait for
  /// the products was for theirs.
  void release(const TensorRing &ring, Val turn) {
    Val inGroup = e.remainder(e.thread(), e.i32(kWarpgroup));
    e.when(e.equal(inGroup, e.i32(0)), [&] { ring.release(turn); });
  }

  /// Products of the queries, which the fence gives back, with the keys of the
  /// block of `turn`.
  SmallVector<FragmentC> score(Val turn, MutableArrayRef<FragmentA> left) {
    WarpgroupOperand right(e, keyTile, Lies::ByRows, keys.wait(turn));
    SumsInFlight flight = fence(e, {}, left);
    for (auto [k, query] : llvm::enumerate(left)) {
      WarpgroupSlice slice{right, 0, static_cast<int64_t>(k) * kProductDepth};
      flight = multiply(e, query, slice, kBlock, k ? &flight : nullptr);
    }
    commitProducts(e);
    SmallVector<FragmentC> scores = wait(e, /*pending=*/0, flight);
    release(keys, turn);
    return scores;
  }

  /// Adds the products of the weights of a block with its values.
  void addValues(Val turn, ArrayRef<FragmentC> weights, PrefillState &state) {
    SmallVector<FragmentA> left;
    for (int64_t k = 0; k < kScores; k += 2)
      left.push_back(round(e, weights[k], weights[k + 1], shape.element));
    WarpgroupOperand right(e, valueTile, Lies::ByColumns, values.wait(turn));
    SumsInFlight flight = fence(e, state.products, left);
    for (auto [k, weight] : llvm::enumerate(left)) {
      WarpgroupSlice slice{right, static_cast<int64_t>(k) * kProductDepth, 0};
      flight = multiply(e, weight, slice, valueTile.columns, &flight);
    }
    commitProducts(e);
    state.products = wait(e, /*pending=*/0, flight);
    release(values, turn);
  }

  /// The registers of queries, which a loop carries: a fence gives them back as
  /// other values.
  Vals registersOf(ArrayRef<FragmentA> fragments) {
    Vals registers;
    for (const FragmentA &fragment : fragments)
      registers.append(fragment.pairs.begin(), fragment.pairs.end());
    return registers;
  }
  SmallVector<FragmentA> fragmentsOf(ArrayRef<Val> registers) {
    SmallVector<FragmentA> fragments;
    for (; !registers.empty(); registers = registers.drop_front(4))
      fragments.push_back(
          {shape.element,
           {registers[0], registers[1], registers[2], registers[3]}});
    return fragments;
  }

  void emitProducts() {
    loadQueries();
    forEachRun({e.i32(0)}, [&](const PrefillRun &run, SequencePages &,
                               ArrayRef<Val> before) {
      Val begin = beginOf(run), end = endOf(run);
      Vals carried = registersOf(queries);
      size_t words = carried.size();
      carried.append(fresh().vals());
      Vals last = e.loop(
          begin, end, 1, carried, [&](Val number, ArrayRef<Val> carried) {
            Val turn = before[0] + number - begin;
            SmallVector<FragmentA> left =
                fragmentsOf(carried.take_front(words));
            PrefillState state = PrefillState::of(carried.drop_front(words));
            SmallVector<FragmentC> scores =
                mask(score(turn, left), run, number);
            weigh(scores, state);
            addValues(turn, scores, state);
            Vals after = registersOf(left);
            after.append(state.vals());
            return after;
          });
      storeResult(run, PrefillState::of(ArrayRef(last).drop_front(words)));
      return Vals{before[0] + countOf(begin, end)};
    });
  }

  //===--- The kernel ----------------------------------------------------===//

  void emitKernel() {
    emit([&] {
      e.when(e.equal(e.thread(), e.i32(0)), [&] {
        keys.init();
        values.init();
        partial.init();
        publishMbarriers(e);
      });
      e.barrier();
      Val isMultiplying =
          e.less(e.thread(), e.i32(shape.warpgroups() * kWarpgroup));
      e.choose(
          isMultiplying, {},
          [&] {
            emitProducts();
            return Vals();
          },
          [&] {
            emitCopies();
            return Vals();
          });
    });
  }
};

} // namespace

LogicalResult cuda::emitWarpgroupPrefill(tok::KernelOp op,
                                         func::FuncOp function,
                                         const TargetDescription &target) {
  PrefillShape shape(op, /*onWarpgroups=*/true);
  if (failed(shape.check(op)))
    return failure();
  Emitter e(function, target, shape.threads());
  WarpgroupPrefillEmitter(e, op, shape, function.getBody().front())
      .emitKernel();
  return success();
}
