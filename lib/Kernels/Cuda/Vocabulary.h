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
  Val block(Here here = {});  ///< number of the block in x, i32
  Val warp(Here here = {});   ///< number of the warp in the block, i32
  Val lane(Here here = {});   ///< number of the thread in its warp, i32

  //===--- Memory --------------------------------------------------------===//
  /// `bytes` of the block's shared memory, apart from all that was asked for
  /// before.
  Val shared(int64_t bytes, int64_t alignment = kChunkBytes, Here here = {});
  /// Loads a vector in chunks of 16 bytes, to which its address is aligned.
  Val loadChunks(mlir::VectorType type, Val pointer, Here here = {});
  void storeChunks(Val vector, Val pointer, Here here = {});

  //===--- Together ------------------------------------------------------===//
  /// Waits for all threads of the block; what they wrote is visible after.
  void barrier(Here here = {});
  /// The value that the lane `lane ^ mask` has. All lanes of the warp call it.
  Val shuffleXor(Val value, int64_t mask, Here here = {});
  /// The sum over the warp, the same bits in every lane: lane ^ 16, then ^ 8,
  /// 4, 2, 1.
  Val sumWarp(Val value, Here here = {});
  /// The sum over the block, the same bits in every thread: of each warp, then
  /// warps in ascending order. Takes shared memory of its own, so that no
  /// barrier is needed before the next one.
  Val sumBlock(Val value, Here here = {});

  /// Ends the kernel and writes down how it is launched; a block takes `rows`
  /// rows.
  void finish(int64_t rows, Here here = {});

private:
  mlir::func::FuncOp function;
  int64_t sharedBytes = 0;
};

} // namespace tokopt::cuda

#endif // TOKOPT_KERNELS_CUDA_VOCABULARY_H
