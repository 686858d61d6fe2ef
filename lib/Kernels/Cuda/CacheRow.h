//===- CacheRow.h - A row that is written to a cache ------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CUDA_CACHEROW_H
#define TOKOPT_KERNELS_CUDA_CACHEROW_H

#include "lib/Kernels/Common/Pages.h"
#include "lib/Kernels/Cuda/Arguments.h"
#include "lib/Kernels/Cuda/CacheCodec.h"

#include <optional>

namespace tokopt::cuda {

/// The keys or the values of all heads of a row, on their way to a slot. Lanes
/// side by side hold chunks side by side, each of one head; a head that is
/// rounded as a whole lies in one warp.
class CacheRow {
public:
  /// What `op` writes to its output of `type`.
  CacheRow(tok::KernelOp op, mlir::Type type);
  CacheRow(const CacheRow &) = delete;

  int64_t elementBytes() const { return codec.elementBytes(); }
  /// What keeps chunks of `width` elements from being written, as an error at
  /// `op`.
  mlir::LogicalResult check(tok::KernelOp op, int64_t width) const;
  /// Chunks of `width` elements that a lane has of what is rounded as a whole.
  int64_t span(int64_t width) const;

  /// Finds the slot of `row`.
  void place(Emitter &e, const Arguments &arguments, Val row);
  /// Stores `span` chunks of a head, f32, which begin at `columns`, unless they
  /// are beyond column `end`. All threads of the block call it.
  void store(llvm::ArrayRef<Val> values, llvm::ArrayRef<Val> columns,
             int64_t end);

private:
  /// The chunks as they lie in the cache.
  Vals encode(llvm::ArrayRef<Val> values, Val head, Val column, Val isInside);
  /// Scales chunks to bytes by the largest number of their head, which lanes
  /// side by side hold, and stores the scale.
  Vals roundHead(llvm::ArrayRef<Val> values, Val head, Val column,
                 Val isInside);

  kernels::PageLayout layout;
  const int64_t cacheIndex;
  const bool isKeys;
  const CacheCodec codec;
  Emitter *emitter = nullptr;
  std::optional<kernels::SequencePages> pages;
  Val page, slot, layer;
};

} // namespace tokopt::cuda

#endif // TOKOPT_KERNELS_CUDA_CACHEROW_H
