//===- Pages.cpp - The pages of one cache ---------------------------------===//

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
  uint64_t poolBytes, entries;
  if (!mulOk(pages, pageBytes, &poolBytes) ||
      !mulOk(sequences, stride, &entries) || entries > SIZE_MAX / 8)
    return false;
  tables.reset(new (std::nothrow) int32_t[entries]);
  counts.reset(new (std::nothrow) uint32_t[sequences]());
  freeList.reset(new (std::nothrow) int32_t[pages]);
  if (!tables || !counts || !freeList || !memory.reserve(poolBytes))
    return false;
  // No page: an entry that is read too early shows at once.
  std::fill_n(tables.get(), entries, -1);
  return true;
}

bool Pages::grow(uint32_t sequence, uint32_t positions) {
  uint32_t want = pagesFor(positions);
  uint32_t &have = counts[sequence];
  if (want <= have)
    return true;
  if (want - have > freePages())
    return false;
  while (have < want) {
    int32_t page;
    if (freeCount) {
      page = freeList[--freeCount];
      memset(memory.data() + static_cast<uint64_t>(page) * pageBytes, 0,
             pageBytes);
    } else {
      page = static_cast<int32_t>(touched++);
    }
    tables[static_cast<size_t>(sequence) * stride + have++] = page;
  }
  return true;
}

void Pages::release(uint32_t sequence) {
  int32_t *row = tables.get() + static_cast<size_t>(sequence) * stride;
  // The first page goes on top: the next sequence gets what is warm in order.
  while (counts[sequence]) {
    int32_t &entry = row[--counts[sequence]];
    freeList[freeCount++] = entry;
    entry = -1;
  }
}
