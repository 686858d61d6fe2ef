//===- CacheCodec.h - How cached rows become numbers ------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CUDA_CACHECODEC_H
#define TOKOPT_KERNELS_CUDA_CACHECODEC_H

#include "lib/Kernels/Cuda/Vocabulary.h"

namespace tokopt::cuda {

/// The keys or the values of a cache, `size` elements a slot and head. A lane
/// reads them in chunks of 16 bytes, lanes side by side read the chunks of a
/// slot.
class CacheCodec {
public:
  CacheCodec(mlir::Type element, int64_t size) : element(element), size(size) {}

  const mlir::Type element;
  const int64_t size;

  int64_t elementBytes() const { return element.getIntOrFloatBitWidth() / 8; }
  /// Elements of a chunk, and chunks of a slot.
  int64_t chunkElements() const { return kChunkBytes / elementBytes(); }
  int64_t chunks() const { return size / chunkElements(); }
  int64_t slotBytes() const { return size * elementBytes(); }
  /// Lanes that share a slot, a power of two.
  int64_t lanes() const;
  /// Whether a slot's numbers are multiples of a scale of its own.
  bool hasScale() const { return element.isInteger(8); }

  /// The chunk at `pointer`, as it lies there.
  Val load(Emitter &e, Val pointer, Here here = {}) const;
  /// The numbers of a chunk as f32, without the scale.
  Val decode(Emitter &e, Val chunk, Here here = {}) const;
};

} // namespace tokopt::cuda

#endif // TOKOPT_KERNELS_CUDA_CACHECODEC_H
