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

#include <utility>

namespace tokopt::cuda {

using kernels::Here;
using kernels::Val;
using kernels::Vals;

/// Threads of a warp.
inline constexpr int64_t kWarp = 32;
/// Bytes one load instruction of a thread moves at most.
inline constexpr int64_t kChunkBytes = 16;
/// What tiles of shared memory are aligned to: no row of a tile is longer.
inline constexpr int64_t kTileAlignment = 1024;
/// Barriers of a block, besides that of all its threads.
inline constexpr int64_t kNamedBarriers = 15;

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
  /// Blocks that a multiprocessor has at a time, by the kernel's design: a
  /// thread gets the registers that they leave. 0 leaves both to the assembler.
  int64_t residents = 0;
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
  /// The address of shared memory as an i32, and the other way round.
  Val sharedAddress(Val pointer, Here here = {});
  Val sharedPointer(Val address, Here here = {});
  /// Loads a vector in chunks of 16 bytes, or in one if it is shorter; its
  /// address is aligned to them.
  Val loadChunks(mlir::VectorType type, Val pointer, Here here = {});
  void storeChunks(Val vector, Val pointer, Here here = {});
  /// Begins to copy 16 bytes of global memory to shared memory. Of these,
  /// `bytes` are read, an i32, and zeros follow; all where it is left out.
  void copyAsync(Val to, Val from, Val bytes = {}, Here here = {});
  /// Makes a group of the copies that the thread has begun since the last.
  void commitCopies(Here here = {});
  /// Waits until all groups of the thread but the last `pending` have arrived;
  /// other threads see them after the next barrier.
  void waitForCopies(int64_t pending, Here here = {});

  //===--- Numbers -------------------------------------------------------===//
  /// Two f32, rounded to `element` (f16 or bf16, to nearest even), as an i32
  /// with `low` in its low half.
  Val pack(Val low, Val high, mlir::Type element, Here here = {});
  /// 2^x for x below 127, with a relative error below 3e-6; exactly 1 for 0,
  /// and exactly 0 for -127 and below. A third of the instructions of `exp`.
  Val exp2(Val x, Here here = {});

  //===--- Control -------------------------------------------------------===//
  /// while (condition(carried)) carried = body(carried)
  Vals repeatWhile(llvm::ArrayRef<Val> carried,
                   llvm::function_ref<Val(llvm::ArrayRef<Val>)> condition,
                   llvm::function_ref<Vals(llvm::ArrayRef<Val>)> body,
                   Here here = {});

  //===--- Together ------------------------------------------------------===//
  /// Waits for all threads of the block, or of the warp; what they wrote is
  /// visible after.
  void barrier(Here here = {});
  void warpBarrier(Here here = {});
  /// Barriers that have been taken (NamedBarriers.h), and `count` more: the
  /// number of the first of these.
  int64_t namedBarriers() const { return barriers; }
  int64_t takeNamedBarriers(int64_t count) {
    return std::exchange(barriers, barriers + count) + 1;
  }
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
  Val minWarp(Val value, Here here = {});
  /// Loads `count` (1, 2 or 4) matrices of 8 x 8 elements of 16 bits from
  /// shared memory, an i32 of two elements from each (`ldmatrix`): with g =
  /// lane / 4 and t = lane % 4, columns 2t and 2t + 1 of row g, or of column g
  /// rows 2t and 2t + 1 if `isTransposed`. Lane i has the address of row i % 8
  /// of matrix i / 8. All lanes of the warp call it.
  Vals loadMatrices(Val pointer, int64_t count, bool isTransposed,
                    Here here = {});
  /// The members of what such an instruction returns.
  Vals unpack(mlir::Value structure, Here here = {});
  /// Sums each of `values` over `lanes` neighbouring lanes, a power of two, in
  /// the order of sumWarp, and leaves in each lane but one: number `(lane %
  /// lanes) / (lanes / n)` of the n values. n shuffles instead of n log(lanes).
  Val scatterSum(llvm::ArrayRef<Val> values, int64_t lanes, Here here = {});
  /// The sum over the block, the same bits in every thread: of each warp, then
  /// warps in ascending order. Takes shared memory of its own, so that no
  /// barrier is needed before the next one.
  Val sumBlock(Val value, Here here = {});

  /// Another argument of the kernel, behind those that it has: the map of a
  /// tensor, which the launcher makes as `description` says, an entry of `maps`
  /// of `tok.launch` without its `argument`.
  Val addMap(mlir::NamedAttrList description, Here here = {});

  /// Ends the kernel and writes down how it is launched.
  void finish(const Grid &grid, Here here = {});

private:
  mlir::func::FuncOp function;
  int64_t sharedBytes = 0, barriers = 0;
  llvm::SmallVector<mlir::Attribute> maps;
};

} // namespace tokopt::cuda

#endif // TOKOPT_KERNELS_CUDA_VOCABULARY_H
