//===- Pages.h - Where a cached row lies ------------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A page holds `page` slots of all layers of a cache. Per layer and head, in
// this order: keys, values `[slots][head size]`, and for i8 the scales of the
// keys and of the values, f32 `[slots]` each. Keys are `[head size][slots]` on
// the CPU, where a vector load reads slots, and `[slots][head size]` on CUDA,
// where the lanes of a warp share a slot.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_COMMON_PAGES_H
#define TOKOPT_KERNELS_COMMON_PAGES_H

#include "lib/Kernels/Common/Vocabulary.h"

namespace tokopt::kernels {

struct PageLayout {
  explicit PageLayout(tok::CacheType type);

  tok::CacheType type;
  int64_t slots;
  int64_t keyBytes, valueBytes;
  /// From the head's first byte.
  int64_t valueOffset, keyScaleOffset, valueScaleOffset;
  int64_t headBytes, layerBytes, pageBytes;
};

/// The pages of the sequence that a row belongs to.
class SequencePages {
public:
  /// `sequence` is the index of the sequence's row in the page table of cache
  /// `cacheIndex`.
  SequencePages(Emitter &e, const PageLayout &layout, Val frame,
                int64_t cacheIndex, Val sequence);

  /// Address of head `head` of layer number `layer` in the page that holds
  /// `position`.
  Val head(Val position, Val layer, Val head);
  /// The two steps of it: the number of the page that holds `position`, an i32
  /// that waits for memory, and the address in the page of that number.
  Val page(Val position);
  Val headOf(Val page, Val layer, Val head);

private:
  Emitter &e;
  const PageLayout &layout;
  Val pool, table;
};

} // namespace tokopt::kernels

#endif // TOKOPT_KERNELS_COMMON_PAGES_H
