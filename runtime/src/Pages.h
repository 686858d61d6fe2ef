//===- Pages.h - The pages of one cache -------------------------*- C++ -*-===//
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
  const int32_t *table() const { return tables.get(); }
  uint32_t tableStride() const { return stride; }

private:
  Mapping memory;
  std::unique_ptr<int32_t[]> tables;   // [sequences, stride]
  std::unique_ptr<uint32_t[]> counts;  // [sequences]
  std::unique_ptr<int32_t[]> freeList; // used before and given back
  uint32_t slots = 1, pages = 0, stride = 0;
  uint32_t freeCount = 0;
  uint32_t touched = 0; // pages beyond were never used and are zero
  uint64_t pageBytes = 0;
};

} // namespace tokrt

#endif // TOKRT_SRC_PAGES_H_
