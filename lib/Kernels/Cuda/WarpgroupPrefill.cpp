//===- WarpgroupPrefill.cpp - Attention of many rows on sm_90a ------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// FlashAttention-3 (Shah et al. 2024) over cached pages. A block of threads
// takes a tile of rows and one query head, a warpgroup 64 of the rows. Queries
// and weights are left matrices in registers. A warp of its own asks for keys
// and values, a box of 64 slots at a time, as far ahead as there are stages.
//
// Two warpgroups of a block keep the tensor cores busy while exponentials are
// taken. They take turns at giving them products, so one takes exponentials
// while those of the other are computed (section 3.1 there). And within each,
// the weights of a block meet its values while the scores of the next become
// weights (section 3.2):
//
//   turn; scores 0 begin, end; weights 0; turn
//   scores n, values n - 1 begin; scores n end; weights n; turn; values end
//   values of the last block
//
// Sums are made in the same order as without, so bits are the same. What is in
// flight then takes registers, so the copying warp is one of a third warpgroup,
// which releases those that it has.
//
// One warpgroup alone does one thing after the other: registers for more would
// keep a second block from the multiprocessor, whose products are computed
// meanwhile.
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
#include "lib/Kernels/Cuda/NamedBarriers.h"
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
  /// Where each of two warpgroups waits for its turn.
  const std::optional<NamedBarriers> turns;

  WarpgroupPrefillEmitter(Emitter &e, tok::KernelOp op,
                          const PrefillShape &shape, Block &entry,
                          std::optional<NamedBarriers> turns)
      : PrefillTile(e, op, shape, entry),
        keyTile(shape.element, kBlock, shape.cache.getKSize(),
                Swizzle::Bytes128),
        valueTile(shape.element, kBlock, shape.cache.getVSize(),
                  Swizzle::Bytes128),
        keyMap(mapOf(keyTile)), valueMap(mapOf(valueTile)),
        keys(e, shape.stages, keyTile.bytes(), shape.warpgroups()),
        values(e, shape.stages, valueTile.bytes(), shape.warpgroups()),
        partial(e, /*count=*/1, /*arrivals=*/1), turns(turns) {}

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

  Val warpgroup() { return e.divide(e.thread(), e.i32(kWarpgroup)); }

  /// Products that a warpgroup begins come in turns, the first of which the
  /// second warpgroup gives the first one. A turn is taken before the wait for
  /// products in flight: ptxas moves that wait in front of what the threads do
  /// meanwhile, but not in front of a barrier.
  void takeTurn() {
    if (turns)
      turns->sync(warpgroup());
  }
  void passTurn() {
    if (turns)
      turns->arrive(e.i32(1) - warpgroup());
  }

  /// Begins the products of queries, which a fence has made ready, with the
  /// keys of a block, as a group.
  SumsInFlight beginScores(ArrayRef<FragmentA> left, Landed landed) {
    WarpgroupOperand right(e, keyTile, Lies::ByRows, landed);
    SumsInFlight flight;
    for (auto [k, query] : llvm::enumerate(left)) {
      WarpgroupSlice slice{right, 0, static_cast<int64_t>(k) * kProductDepth};
      flight = multiply(e, query, slice, kBlock, k ? &flight : nullptr);
    }
    commitProducts(e);
    return flight;
  }

  /// Begins to add the products of weights with the values of their block.
  SumsInFlight beginValues(ArrayRef<FragmentA> left, Landed landed,
                           SumsInFlight flight) {
    WarpgroupOperand right(e, valueTile, Lies::ByColumns, landed);
    for (auto [k, weight] : llvm::enumerate(left)) {
      WarpgroupSlice slice{right, static_cast<int64_t>(k) * kProductDepth, 0};
      flight = multiply(e, weight, slice, valueTile.columns, &flight);
    }
    commitProducts(e);
    return flight;
  }

  /// The weights of a block as left matrices.
  SmallVector<FragmentA> roundAll(ArrayRef<FragmentC> weights) {
    SmallVector<FragmentA> left;
    for (int64_t k = 0; k < kScores; k += 2)
      left.push_back(round(e, weights[k], weights[k + 1], shape.element));
    return left;
  }

  /// Registers of left matrices, which a loop carries: a fence gives them back
  /// as other values.
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

  /// What is carried from a block to the next.
  struct Carried {
    /// The queries, then the weights of a block that have not met its values.
    SmallVector<FragmentA> left;
    PrefillState state;
  };
  Vals valsOf(const Carried &carried) {
    Vals vals = registersOf(carried.left);
    vals.append(carried.state.vals());
    return vals;
  }
  Carried carriedOf(ArrayRef<Val> vals) {
    size_t weights = shape.pairsWarpgroups() ? kScores / 2 : 0,
           words = 4 * (queries.size() + weights);
    return {fragmentsOf(vals.take_front(words)),
            PrefillState::of(vals.drop_front(words))};
  }

  /// The scores of block `number`, and what they weigh; then it is the turn of
  /// their values.
  void weighBlock(const PrefillRun &run, Val number, Val turn,
                  Carried &carried) {
    Landed landed = keys.wait(turn);
    takeTurn();
    carried.left.truncate(queries.size());
    fence(e, {}, carried.left);
    SumsInFlight flight = beginScores(carried.left, landed);
    passTurn();
    SmallVector<FragmentC> scores = wait(e, /*pending=*/0, flight);
    release(keys, turn);
    scores = mask(scores, run, number);
    rescale(carried.state.products, weigh(scores, carried.state));
    takeTurn();
    carried.left.append(roundAll(scores));
  }

  /// The values of the block whose weights there are, whose turn it is.
  void addValues(Val turn, Carried &carried) {
    PrefillState &state = carried.state;
    Landed landed = values.wait(turn);
    auto weights = MutableArrayRef(carried.left).drop_front(queries.size());
    SumsInFlight products = fence(e, state.products, weights);
    products = beginValues(weights, landed, products);
    passTurn();
    state.products = wait(e, /*pending=*/0, products);
    release(values, turn);
  }

  /// The scores of block `number`, and what they weigh, beside the values of
  /// the block before. It is the warpgroup's turn before and after.
  void goOn(const PrefillRun &run, Val number, Val turn, Carried &carried) {
    PrefillState &state = carried.state;
    Val before = turn - 1;
    Landed landed = keys.wait(turn), landedValues = values.wait(before);
    SumsInFlight products = fence(e, state.products, carried.left);
    auto left = ArrayRef(carried.left);
    SumsInFlight flight = beginScores(left.take_front(queries.size()), landed);
    products =
        beginValues(left.drop_front(queries.size()), landedValues, products);
    passTurn();
    SmallVector<FragmentC> scores = wait(e, /*pending=*/1, flight);
    release(keys, turn);
    scores = mask(scores, run, number);
    std::array<Val, kLaneRows> corrections = weigh(scores, state);
    takeTurn();
    // The products in flight read the weights' registers: others are made of
    // the scores only after them.
    state.products = wait(e, /*pending=*/0, products, scores);
    release(values, before);
    rescale(state.products, corrections);
    carried.left.truncate(queries.size());
    carried.left.append(roundAll(scores));
  }

  /// Blocks `begin` to `end` - 1, of which there is one at least; `first` is
  /// the turn of the first.
  PrefillState emitRun(const PrefillRun &run, Val begin, Val end, Val first) {
    Carried start{queries, fresh()};
    if (shape.pairsWarpgroups())
      weighBlock(run, begin, first, start);
    Val next = shape.pairsWarpgroups() ? begin + 1 : begin;
    Vals vals = e.loop(next, end, 1, valsOf(start),
                       [&](Val number, ArrayRef<Val> before) {
                         Carried carried = carriedOf(before);
                         Val turn = first + number - begin;
                         if (shape.pairsWarpgroups()) {
                           goOn(run, number, turn, carried);
                         } else {
                           weighBlock(run, number, turn, carried);
                           addValues(turn, carried);
                           carried.left.truncate(queries.size());
                         }
                         return valsOf(carried);
                       });
    Carried last = carriedOf(vals);
    if (shape.pairsWarpgroups())
      addValues(first + (end - 1) - begin, last);
    return last.state;
  }

  void emitProducts() {
    loadQueries();
    if (turns)
      e.when(e.equal(warpgroup(), e.i32(1)), [&] { passTurn(); });
    forEachRun({e.i32(0)}, [&](const PrefillRun &run, SequencePages &,
                               ArrayRef<Val> before) {
      Val begin = beginOf(run), end = endOf(run), first = before[0];
      Val blocks = countOf(begin, end);
      Vals nothing = fresh().vals();
      SmallVector<Type> types(nothing.size(), e.f32());
      Vals last = e.choose(
          e.less(e.i32(0), blocks), types,
          [&] { return emitRun(run, begin, end, first).vals(); },
          [&] { return nothing; });
      storeResult(run, PrefillState::of(last));
      return Vals{first + blocks};
    });
    // The last turn is that of the first warpgroup, which passes it to nobody.
    if (turns)
      e.when(e.equal(warpgroup(), e.i32(0)), [&] { takeTurn(); });
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
            if (shape.pairsWarpgroups())
              claimRegisters(e, shape.multiplyingRegisters());
            emitProducts();
            return Vals();
          },
          [&] {
            if (shape.pairsWarpgroups())
              releaseRegisters(e, PrefillShape::kCopyingRegisters);
            Val first = e.i32(shape.warpgroups() * kWarpgroup / kWarp);
            e.when(e.equal(e.warp(), first), [&] { emitCopies(); });
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
  std::optional<NamedBarriers> turns;
  if (shape.pairsWarpgroups()) {
    auto made = NamedBarriers::make(e, /*count=*/2, 2 * kWarpgroup);
    if (failed(made))
      return failure();
    turns = *made;
  }
  WarpgroupPrefillEmitter(e, op, shape, function.getBody().front(), turns)
      .emitKernel();
  return success();
}
