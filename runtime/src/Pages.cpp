//===- Pages.cpp - The pages of one cache ---------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Pages.h"

#include <algorithm>
#include <cstring>
#include <new>

using namespace tokrt;

bool Pages::create(uint32_t pageSlots, uint64_t bytes, uint32_t pageCount,
                   uint32_t sequences, uint32_t context) {
  slots = pageSlots;
  pageBytes = bytes;
  pages = pageCount;
  stride = pagesFor(context);
  uint64_t poolBytes, tableBytes;
  if (!mulOk(pages, pageBytes, &poolBytes) ||
      !mulOk(sequences, stride * sizeof(int32_t), &tableBytes))
    return false;
  counts.reset(new (std::nothrow) uint32_t[sequences]());
  return counts && memory.reserve(poolBytes, /*huge=*/true) &&
         tables.reserve(tableBytes) &&
         freeList.reserve(pages * sizeof(int32_t));
}

bool Pages::grow(uint32_t sequence, uint32_t positions) {
  uint32_t want = pagesFor(positions);
  uint32_t &have = counts[sequence];
  if (want <= have)
    return true;
  if (want - have > freePages())
    return false;
  // No page: an entry that is read too early shows at once.
  for (; usedRows <= sequence; ++usedRows)
    std::fill_n(row(usedRows), stride, -1);
  auto *returned = reinterpret_cast<int32_t *>(freeList.data());
  while (have < want) {
    int32_t page;
    if (freeCount) {
      page = returned[--freeCount];
      memset(memory.data() + static_cast<uint64_t>(page) * pageBytes, 0,
             pageBytes);
    } else {
      page = static_cast<int32_t>(touched++);
    }
    row(sequence)[have++] = page;
  }
  return true;
}

void Pages::release(uint32_t sequence) {
  auto *returned = reinterpret_cast<int32_t *>(freeList.data());
  // The first page goes on top: the next sequence gets what is warm in order.
  while (counts[sequence]) {
    int32_t &entry = row(sequence)[--counts[sequence]];
    returned[freeCount++] = entry;
    entry = -1;
  }
}
