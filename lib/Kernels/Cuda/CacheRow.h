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
/// side by side hold chunks side by side, each of one head.
class CacheRow {
public:
  /// What `op` writes to its output of `type`.
  CacheRow(tok::KernelOp op, mlir::Type type);
  CacheRow(const CacheRow &) = delete;

  /// Elements of a chunk.
  int64_t width() const;
  /// What keeps chunks of `width` elements from being written, as an error at
  /// `op`.
  mlir::LogicalResult check(tok::KernelOp op, int64_t width) const;

  /// Finds the slot of `row`.
  void place(Emitter &e, const Arguments &arguments, Val row);
  /// Stores the chunk `value`, f32, that begins at `column`, unless that is
  /// beyond `columns`. All threads of the block call it.
  void store(Val value, Val column, int64_t columns);

private:
  /// The chunk as it lies in the cache.
  Val encode(Val value, Val head, Val column, Val isInside);
  /// Scales a chunk to bytes by the largest number of its head, which lanes
  /// side by side hold, and stores the scale.
  Val roundHead(Val value, Val head, Val column, Val isInside);

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
