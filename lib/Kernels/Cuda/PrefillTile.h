//===- PrefillTile.h - A tile of rows that tensor cores compute -*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What all kernels of attention on tensor cores share: a warp has 16 rows of a
// tile, queries as the left side of the scores, weights as the left side of
// their product with the values, maxima and sums that are rescaled.
//
// What is rounded, as `compute` says: queries once, and the weights of a block
// to the maximum of the scores so far. Their sums are those of the f32 weights.
//
// A row's bits are its own. Blocks begin at multiples of 64 slots and come in
// ascending order, whatever the tile; what the row does not see weighs exactly
// zero, and a block of which it sees nothing leaves its state as it was: its
// maximum stays, so the correction is exactly 1, and zeros are added.
//
// Rows of a step may be of any sequences, so a tile is a few runs of rows of
// one sequence each, nearly always one. The rows outside a run see nothing
// while it is computed.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CUDA_PREFILLTILE_H
#define TOKOPT_KERNELS_CUDA_PREFILLTILE_H

#include "lib/Kernels/Common/Pages.h"
#include "lib/Kernels/Cuda/Arguments.h"
#include "lib/Kernels/Cuda/PrefillShape.h"

namespace tokopt::cuda {

/// Rows of a lane in a product, and products side by side that make the scores
/// of a block.
inline constexpr int64_t kLaneRows = 2,
                         kScores = kernels::kBlock / kProductColumns;

/// Of each of the lane's rows: maximum of the scores and the lane's share of
/// the sum of weights; and the sums of weighted values, a product for each
/// eight channels.
struct PrefillState {
  Val maximum[kLaneRows], sum[kLaneRows];
  llvm::SmallVector<FragmentC> products;

  static PrefillState of(llvm::ArrayRef<Val> vals);
  Vals vals() const;
};

/// Rows of one sequence, numbers in the tile, and what they see.
struct PrefillRun {
  Val begin, end;
  /// The first and last slot that one of them sees.
  Val first, last;
  /// The first and last slot that each of the lane's rows sees; rows outside
  /// the run see none.
  Val firstOf[kLaneRows], lastOf[kLaneRows];
};

/// Emits what kernels share.
struct PrefillTile {
  Emitter &e;
  tok::KernelOp op;
  const PrefillShape &shape;
  Arguments arguments;
  kernels::PageLayout layout;

  /// The tile's first row, and how many it has; the query head and the
  /// key/value head.
  Val firstRow, count, queryHead, head;
  /// The lane's rows in the tile, those beyond the last replaced by it, and
  /// their positions.
  Val numbers[kLaneRows], places[kLaneRows], positions[kLaneRows];
  /// A fragment for each 16 channels.
  llvm::SmallVector<FragmentA> queries;

  PrefillTile(Emitter &e, tok::KernelOp op, const PrefillShape &shape,
              mlir::Block &entry);

  Val wide(Val number);
  Val narrow(Val number);
  Val masked();
  Val zero();
  /// Where the lane's columns begin in a product.
  Val laneColumn();

  //===--- Rows ----------------------------------------------------------===//
  /// A column of the step's rows, at the tile's first.
  Val column(Slot slot);
  Val loadNumber(Val column, Val row);
  void placeThread();
  void loadQueries();
  /// The first slot that the row at `position` sees.
  Val firstSeen(Val position);
  /// The run of `sequence` that begins at row `begin` of the tile. Each warp
  /// looks at all rows, a lane at one of 32, and finds the same.
  PrefillRun findRun(Val begin, Val sequence);
  /// carried = body(run, its pages, carried) for each run of the tile; gives
  /// the tile's rows, then what is carried.
  Vals forEachRun(
      llvm::ArrayRef<Val> carried,
      llvm::function_ref<Vals(const PrefillRun &, kernels::SequencePages &,
                              llvm::ArrayRef<Val>)>
          body);
  /// The page of block `number`, or of the last of `end` blocks.
  Val pageOf(kernels::SequencePages &pages, Val number, Val end);

  //===--- Blocks of slots -----------------------------------------------===//
  PrefillState fresh();
  /// Replaces the scores of slots that a row does not see. Nothing is to be
  /// done for a block that both of the lane's rows see whole; of a prompt, the
  /// lanes of a warp agree on it for all blocks but one or two.
  llvm::SmallVector<FragmentC> mask(llvm::ArrayRef<FragmentC> scores,
                                    const PrefillRun &run, Val number);
  /// Makes weights of `scores` and takes them into maximum and sum of `state`.
  /// Gives what products of earlier weights are to be multiplied by, for each
  /// of the lane's rows.
  std::array<Val, kLaneRows> weigh(llvm::MutableArrayRef<FragmentC> scores,
                                   PrefillState &state);
  void rescale(llvm::MutableArrayRef<FragmentC> products,
               const std::array<Val, kLaneRows> &corrections);

  //===--- The kernel ----------------------------------------------------===//
  /// Stores the rows of a run. One that sees nothing gives zeros.
  void storeResult(const PrefillRun &run, const PrefillState &state);
  /// Emits the kernel, whose blocks do `emitTile` for a tile of rows.
  void emit(llvm::function_ref<void()> emitTile);
};

} // namespace tokopt::cuda

#endif // TOKOPT_KERNELS_CUDA_PREFILLTILE_H
