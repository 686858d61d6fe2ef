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
// Slots that no row of the tile sees are not read: zeros stand in their place.
//
// config: heads (query heads), scale, window, cache, compute (f16, bf16);
// knobs:
//         row_tile, stages
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cuda/Attention.h"
#include "lib/Kernels/Cuda/PrefillTile.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cuda;
using namespace tokopt::kernels;

namespace {

using cuda::Emitter;

/// Emits one kernel.
struct PrefillEmitter : PrefillTile {
  const SwizzledTile keyTile, valueTile;
  CopyRing ring;
  FragmentReader keyReader, valueReader;

  PrefillEmitter(Emitter &e, tok::KernelOp op, const PrefillShape &shape,
                 Block &entry)
      : PrefillTile(e, op, shape, entry), keyTile(shape.keys()),
        valueTile(shape.values()),
        ring(e, shape.stages, keyTile.bytes() + valueTile.bytes()),
        keyReader(e, keyTile, FragmentReader::Operand::ColumnsOfB),
        valueReader(e, valueTile, FragmentReader::Operand::RowsOfB) {}

  //===--- Copies --------------------------------------------------------===//

  /// Copies the slots of block `number` that `run` sees from `from` to a tile
  /// at `to`. Threads side by side copy chunks side by side. Only the first
  /// block of a run begins before what the run sees.
  void copyTile(const SwizzledTile &tile, const PrefillRun &run, Val number,
                Val from, Val to, bool isFirst) {
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
  void copyBlock(SequencePages &pages, const PrefillRun &run, Val number,
                 Val page, bool isFirst) {
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

  /// Adds the products of the weights of a block with its values.
  void addValues(ArrayRef<FragmentC> weights, Landed values,
                 PrefillState &state) {
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

  /// Runs over the blocks that `run` sees, in ascending order.
  PrefillState emitBlocks(SequencePages &pages, const PrefillRun &run) {
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
          PrefillState state = PrefillState::of(before.drop_front());
          SmallVector<FragmentC> scores = mask(score(landed), run, number);
          rescale(state.products, weigh(scores, state));
          addValues(scores, landed.at(keyTile.bytes()), state);
          after.append(state.vals());
          return after;
        });
    return PrefillState::of(ArrayRef(last).drop_front());
  }

  //===--- The kernel ----------------------------------------------------===//

  void emitKernel() {
    emit([&] {
      loadQueries();
      forEachRun(
          {}, [&](const PrefillRun &run, SequencePages &pages, ArrayRef<Val>) {
            storeResult(run, emitBlocks(pages, run));
            return Vals();
          });
    });
  }
};

} // namespace

LogicalResult cuda::emitPrefill(tok::KernelOp op, func::FuncOp function,
                                const TargetDescription &target) {
  PrefillShape shape(op, /*onWarpgroups=*/false);
  if (failed(shape.check(op)))
    return failure();
  Emitter e(function, target, shape.threads());
  PrefillEmitter(e, op, shape, function.getBody().front()).emitKernel();
  return success();
}
