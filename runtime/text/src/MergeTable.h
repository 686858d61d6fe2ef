//===- MergeTable.h - Which two tokens become one ---------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_TEXT_MERGETABLE_H_
#define TOKRT_TEXT_MERGETABLE_H_

#include "Metadata.h"
#include "TokenTexts.h"
#include "Vocabulary.h"

#include <cstdint>
#include <vector>

namespace tokrt::text {

/// The merges of a byte-pair encoding as a hash table.
///
/// A file names the parts of a merge by their texts. To look up the ids of both
/// would be most of the time it takes to load a tokenizer, so the table is by
/// the hashes of the texts, and a hash of every token is kept to ask it with.
class MergeTable {
public:
  struct Merge {
    uint32_t rank; // its place in the file; the lowest is done first
    int32_t token; // what the pair becomes
  };

  /// `merges` holds strings of the form "left right". The vocabulary must
  /// outlive the table.
  MergeTable(const TokenTexts &texts, const Vocabulary &vocabulary,
             const StringArray &merges);

  /// The merge of two tokens, or null.
  const Merge *find(int32_t left, int32_t right) const {
    uint64_t pair = hashPair(hashes[left], hashes[right]);
    const Slot &slot = slots[probe(pair)];
    if (slot.pair == kFree || !makes(slot.merge.token, left, right))
      return nullptr;
    return &slot.merge;
  }

private:
  struct Slot {
    uint64_t pair; // its hash, or `kFree`
    Merge merge;
  };

  static constexpr uint64_t kFree = 0;

  /// Where the pair stands, or the free slot where it would.
  size_t probe(uint64_t pair) const {
    size_t i = pair & mask;
    while (slots[i].pair != kFree && slots[i].pair != pair)
      i = (i + 1) & mask;
    return i;
  }

  /// Whether `token` is `left` + `right`: a hash alone may be mistaken.
  bool makes(int32_t token, int32_t left, int32_t right) const;

  const Vocabulary &vocabulary;
  std::vector<uint64_t> hashes; // by token
  std::vector<Slot> slots;      // a power of two, at most half full
  size_t mask;
};

} // namespace tokrt::text

#endif // TOKRT_TEXT_MERGETABLE_H_
