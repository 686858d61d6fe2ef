//===- RowwiseShape.h - How rows are dealt out to lanes ---------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CUDA_ROWWISESHAPE_H
#define TOKOPT_KERNELS_CUDA_ROWWISESHAPE_H

#include "lib/Kernels/Cuda/Vocabulary.h"

namespace tokopt::cuda {

/// Columns of a row of `type` with what fills it.
int64_t filledColumns(mlir::MemRefType type);

/// How the elements of a row are dealt out: all lanes of a block share the row,
/// or some neighbouring lanes share each group of it that is summed alone. A
/// lane holds the elements of its chunks in registers. A chunk is 16 bytes of
/// the widest operand, so that lanes side by side move whole sectors of each:
/// of f16 beside f32, 8 bytes a lane.
///
/// Chunk i of lane l begins at column (l + i lanes) * width. Of heads that are
/// rounded as a whole and need more lanes than a warp has, lanes of one warp
/// take `span` chunks each: there, its chunks of numbers 0 to span - 1 lie side
/// by side, then those of the next warp.
struct RowwiseShape {
  /// What keeps the kernel from being generated is an error at `op`.
  static mlir::FailureOr<RowwiseShape> of(tok::KernelOp op);

  /// Elements of a chunk.
  int64_t width = 0;
  /// Columns of a group, and groups of a row: one, or several that are summed
  /// alone.
  int64_t columns = 0, groups = 1;
  /// Columns up to the end of the longest row of an output, with what fills it.
  int64_t stored = 0;
  /// Threads of a block, those that share a group, and chunks that each has, a
  /// multiple of those that a warp takes side by side.
  int64_t threads = 0, lanes = 0, chunksPerLane = 0, span = 1;
  /// Sums of a row, and the chunks that a lane loads together: all where there
  /// are sums, else no more than it takes to wait for memory once.
  int64_t reductions = 0, chunksAtOnce = 0;
  bool gather = false;
  /// The input that holds angles, or -1, and the head they are of.
  int64_t angles = -1, head = 0;

  /// A lane's chunk number `i`, counted in chunks from its first.
  int64_t chunkOffset(int64_t i) const {
    return i / span * span * lanes + i % span * kWarp;
  }
  /// Whether the chunks number `i` of all lanes begin before column `end`.
  bool allBefore(int64_t i, int64_t end) const {
    int64_t behindLast = chunkOffset(i) + span * lanes - (span - 1) * kWarp;
    return behindLast * width <=
           static_cast<int64_t>(llvm::alignTo(end, width));
  }
  /// Groups of a block, and blocks of a row.
  int64_t groupsOfBlock() const { return threads / lanes; }
  int64_t parts() const { return llvm::divideCeil(groups, groupsOfBlock()); }

private:
  mlir::LogicalResult checkOperands(tok::KernelOp op);
  mlir::LogicalResult dealOut(tok::KernelOp op);
};

} // namespace tokopt::cuda

#endif // TOKOPT_KERNELS_CUDA_ROWWISESHAPE_H
