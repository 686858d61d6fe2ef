//===- Pages.cpp - Where a cached row lies --------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Common/Pages.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::kernels;

PageLayout::PageLayout(tok::CacheType type)
    : type(type), slots(type.getPage()) {
  keyBytes = type.getKType().getIntOrFloatBitWidth() / 8;
  valueBytes = type.getVType().getIntOrFloatBitWidth() / 8;
  valueOffset = llvm::alignTo(type.getKSize() * slots * keyBytes, 64);
  keyScaleOffset =
      valueOffset + llvm::alignTo(type.getVSize() * slots * valueBytes, 64);
  valueScaleOffset =
      keyScaleOffset + (type.getKType().isInteger(8) ? 4 * slots : 0);
  headBytes = valueScaleOffset + (type.getVType().isInteger(8) ? 4 * slots : 0);
  layerBytes = headBytes * type.getHeads();
  pageBytes = layerBytes * type.getLayers().size();
}

SequencePages::SequencePages(Emitter &e, const PageLayout &layout, Val frame,
                             int64_t cacheIndex, Val sequence)
    : e(e), layout(layout) {
  // {u64 pool, u64 table, u64 table_stride} a cache.
  Val caches = e.slot(frame, Slot::Caches, frame.type());
  pool = e.load(frame.type(), caches, 24 * cacheIndex);
  Val tables = e.load(frame.type(), caches, 24 * cacheIndex + 8);
  Val stride = e.load(e.i64(), caches, 24 * cacheIndex + 16);
  table = e.offset(tables, sequence * stride * 4);
}

Val SequencePages::head(Val position, Val layer, Val head) {
  return headOf(page(position), layer, head);
}

Val SequencePages::page(Val position) {
  Val entry = e.divide(position, e.i64(layout.slots));
  return e.load(e.i32(), e.offset(table, entry * 4));
}

Val SequencePages::headOf(Val page, Val layer, Val head) {
  return e.offset(pool, e.convert(page, e.i64()) * layout.pageBytes +
                            layer * layout.layerBytes +
                            head * layout.headBytes);
}
