//===- Pages.h - The pages of one cache -------------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_SRC_PAGES_H_
#define TOKRT_SRC_PAGES_H_

#include "Memory.h"

#include <memory>

namespace tokrt {

/// The pool of pages of one cache and the page tables of all sequences over it.
/// The addresses are reserved at once; memory becomes resident page by page as
/// sequences grow, and is used again, zeroed, before more of it is touched.
class Pages {
public:
  /// False if the system refuses the memory.
  bool create(uint32_t slots, uint64_t pageBytes, uint32_t pages,
              uint32_t sequences, uint32_t context);

  /// Pages that hold `positions` positions.
  uint32_t pagesFor(uint32_t positions) const {
    return static_cast<uint32_t>(ceilDiv(positions, slots));
  }
  uint32_t pageCount() const { return pages; }
  uint32_t freePages() const { return freeCount + pages - touched; }
  /// Pages `sequence` holds.
  uint32_t held(uint32_t sequence) const { return counts[sequence]; }
  uint64_t bytesUsed() const { return (pages - freePages()) * pageBytes; }

  /// Gives `sequence` pages for its first `positions` positions. False, with
  /// nothing taken, if too few are free.
  bool grow(uint32_t sequence, uint32_t positions);
  /// Takes all pages of `sequence` back.
  void release(uint32_t sequence);

  uint8_t *pool() const { return memory.data(); }
  const int32_t *table() const {
    return reinterpret_cast<const int32_t *>(tables.data());
  }
  uint32_t tableStride() const { return stride; }

private:
  int32_t *row(uint32_t sequence) const {
    return reinterpret_cast<int32_t *>(tables.data()) +
           static_cast<uint64_t>(sequence) * stride;
  }

  // All of these are touched only as far as they are used: a bundle may claim
  // any context.
  Mapping memory;
  Mapping tables;   // i32 [sequences, stride]
  Mapping freeList; // i32 [pages], those that were used and given back
  std::unique_ptr<uint32_t[]> counts; // [sequences]
  uint32_t usedRows = 0; // rows of the tables beyond were never used
  uint32_t slots = 1, pages = 0, stride = 0;
  uint32_t freeCount = 0;
  uint32_t touched = 0; // pages beyond were never used and are zero
  uint64_t pageBytes = 0;
};

} // namespace tokrt

#endif // TOKRT_SRC_PAGES_H_
