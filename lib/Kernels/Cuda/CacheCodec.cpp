//===- CacheCodec.cpp - How cached rows become numbers --------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cuda/CacheCodec.h"

#include "llvm/ADT/bit.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cuda;

int64_t CacheCodec::lanes() const {
  return llvm::bit_ceil(static_cast<uint64_t>(chunks()));
}

Val CacheCodec::load(Emitter &e, Val pointer, Here here) const {
  return e.loadChunks(VectorType::get({chunkElements()}, element), pointer,
                      here);
}

Val CacheCodec::decode(Emitter &e, Val chunk, Here here) const {
  return e.convert(chunk, e.f32(), /*isUnsigned=*/false, here);
}
