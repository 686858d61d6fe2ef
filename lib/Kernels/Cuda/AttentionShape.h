//===- AttentionShape.h - How attention is dealt out ------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CUDA_ATTENTIONSHAPE_H
#define TOKOPT_KERNELS_CUDA_ATTENTIONSHAPE_H

#include "lib/Kernels/Common/Segments.h"
#include "lib/Kernels/Cuda/CacheCodec.h"

namespace tokopt::cuda {

/// How the work of one row and key/value head is dealt out to blocks, warps and
/// lanes.
struct AttentionShape {
  /// What the configuration leaves open is what `choose` would say.
  explicit AttentionShape(tok::KernelOp op);

  tok::CacheType cache;
  CacheCodec keys, values;
  /// Query heads of a key/value head, those of a block, and warps of a block.
  int64_t heads, group = 0, warps;
  /// Segments of the longest sequence.
  int64_t segments;
  /// Rows up to which blocks share the segments of a row.
  int64_t splitRows = 0;

  /// What keeps the kernel from being generated, as an error at `op`.
  mlir::LogicalResult check(tok::KernelOp op) const;
  int64_t threads() const { return warps * kWarp; }
  int64_t parts() const { return heads / group; }
  /// Slots of a block of 64 that a warp takes, and lanes that share the score
  /// of one.
  int64_t slice() const { return kernels::kBlock / warps; }
  int64_t copies() const { return kWarp / slice(); }
  /// Loads of a lane for the slice.
  int64_t loads(const CacheCodec &codec) const {
    return slice() * codec.lanes() / kWarp;
  }
  /// Weights of a slot lie in shared memory in planes of so many heads: never
  /// more than one load moves, so that slots side by side are in banks side by
  /// side.
  int64_t planeHeads() const {
    return std::min<int64_t>(4, llvm::bit_ceil(static_cast<uint64_t>(group)));
  }
  int64_t planes() const { return llvm::divideCeil(group, planeHeads()); }
  int64_t planeBytes() const { return kernels::kBlock * 4 * planeHeads(); }

  /// The accumulators of all heads are dealt out in units of 4 channels.
  int64_t headUnits() const { return values.size / 4; }
  int64_t units() const { return group * headUnits(); }
  int64_t rounds() const { return llvm::divideCeil(units(), threads()); }
  /// A segment's state: accumulators, then maximum and sum of each head.
  int64_t stateBytes() const {
    return llvm::alignTo(16 * units() + 8 * group, kChunkBytes);
  }
  /// States of one row: of all its heads and segments.
  int64_t rowStateBytes() const {
    return cache.getHeads() * parts() * segments * stateBytes();
  }

private:
  /// The most query heads of a block whose sums the registers hold.
  int64_t chooseGroup() const;
  /// Rows up to which splitting them is worth the memory.
  int64_t chooseSplitRows() const;
};

/// Query heads of a block at most.
inline constexpr int64_t kMostHeads = 8;

/// An integer of a kernel's configuration, or `otherwise`. What is no integer
/// counts as -1.
int64_t configOr(tok::KernelOp op, llvm::StringRef name, int64_t otherwise);

} // namespace tokopt::cuda

#endif // TOKOPT_KERNELS_CUDA_ATTENTIONSHAPE_H
