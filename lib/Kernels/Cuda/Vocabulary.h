//===- Vocabulary.h - The words CUDA templates are written in ---*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The common vocabulary, and what threads of a block have: numbers, shared
// memory, barriers, exchanges within a warp. Numbers of threads and columns are
// i32, rows and addresses i64.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CUDA_VOCABULARY_H
#define TOKOPT_KERNELS_CUDA_VOCABULARY_H

#include "lib/Kernels/Common/Vocabulary.h"

namespace tokopt::cuda {

using kernels::Here;
using kernels::Val;
using kernels::Vals;

/// Threads of a warp.
inline constexpr int64_t kWarp = 32;
/// Bytes one load instruction of a thread moves at most.
inline constexpr int64_t kChunkBytes = 16;

/// A dimension of the grid.
enum class Axis : uint8_t { X, Y, Z };

/// How the blocks of a grid share the work.
struct Grid {
  /// Rows of a block, in x.
  int64_t rows = 1;
  /// Blocks that a row takes, in y.
  int64_t parts = 1;
  /// In z, any number of blocks up to this shares a part, while there are at
  /// most `splitRows` rows; more are not split.
  int64_t splits = 1, splitRows = 0;
};

class Emitter : public kernels::Emitter {
public:
  /// Emits into `function`, a kernel whose blocks have `threads` threads.
  Emitter(mlir::func::FuncOp function, const TargetDescription &target,
          int64_t threads);

  const TargetDescription &target;
  const int64_t threads;

  //===--- Where am I ----------------------------------------------------===//
  Val i32(int64_t value, Here here = {}) {
    return constant(value, kernels::Emitter::i32(), here);
  }
  using kernels::Emitter::i32;
  Val thread(Here here = {}); ///< number of the thread in its block, i32
  Val warp(Here here = {});   ///< number of the warp in the block, i32
  Val lane(Here here = {});   ///< number of the thread in its warp, i32
  /// The number of the block in a dimension of the grid, and how many there
  /// are, i32.
  Val block(Axis axis = Axis::X, Here here = {});
  Val blockCount(Axis axis, Here here = {});

  //===--- Memory --------------------------------------------------------===//
  /// `bytes` of the block's shared memory, apart from all that was asked for
  /// before.
  Val shared(int64_t bytes, int64_t alignment = kChunkBytes, Here here = {});
  /// Loads a vector in chunks of 16 bytes, or in one if it is shorter; its
  /// address is aligned to them.
  Val loadChunks(mlir::VectorType type, Val pointer, Here here = {});
  void storeChunks(Val vector, Val pointer, Here here = {});

  //===--- Together ------------------------------------------------------===//
  /// Waits for all threads of the block, or of the warp; what they wrote is
  /// visible after.
  void barrier(Here here = {});
  void warpBarrier(Here here = {});
  /// Makes what was written before visible to all blocks before what is
  /// written after, and the other way round for what is read.
  void fence(Here here = {});
  /// Adds one to the i32 at `pointer`, which threads of all blocks do, and
  /// gives what it was before; `last` is followed by 0, so the counter is as it
  /// was when all have come.
  Val countUp(Val pointer, Val last, Here here = {});
  /// The value that the lane `lane ^ mask` has. All lanes of the warp call it.
  Val shuffleXor(Val value, int64_t mask, Here here = {});
  /// The sum over the warp, the same bits in every lane: lane ^ 16, then ^ 8,
  /// 4, 2, 1. `copies` neighbours that hold the same count once: it ends with
  /// lane ^ copies.
  Val sumWarp(Val value, int64_t copies = 1, Here here = {});
  Val maxWarp(Val value, int64_t copies = 1, Here here = {});
  /// Sums each of `values` over `lanes` neighbouring lanes, a power of two, in
  /// the order of sumWarp, and leaves in each lane but one: number `(lane %
  /// lanes) / (lanes / n)` of the n values. n shuffles instead of n log(lanes).
  Val scatterSum(llvm::ArrayRef<Val> values, int64_t lanes, Here here = {});
  /// The sum over the block, the same bits in every thread: of each warp, then
  /// warps in ascending order. Takes shared memory of its own, so that no
  /// barrier is needed before the next one.
  Val sumBlock(Val value, Here here = {});

  /// Ends the kernel and writes down how it is launched.
  void finish(const Grid &grid, Here here = {});

private:
  mlir::func::FuncOp function;
  int64_t sharedBytes = 0;
};

} // namespace tokopt::cuda

#endif // TOKOPT_KERNELS_CUDA_VOCABULARY_H
