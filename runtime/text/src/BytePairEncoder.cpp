//===- BytePairEncoder.cpp - From a word to its tokens --------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BytePairEncoder.h"

#include <algorithm>

namespace tokrt::text {

void BytePairEncoder::encode(std::string_view word, std::vector<int32_t> &out) {
  uint32_t size = static_cast<uint32_t>(word.size());
  symbols.clear();
  for (uint32_t i = 0; i < size; ++i)
    symbols.push_back({vocabulary.byteToken(static_cast<uint8_t>(word[i])),
                       i == 0 ? kEnd : i - 1, i + 1 == size ? kEnd : i + 1});

  // The heap gives its greatest element, so the order is turned around.
  auto later = [](const Candidate &a, const Candidate &b) {
    return a.order > b.order;
  };
  candidates.clear();
  for (uint32_t i = 0; i < size; ++i)
    consider(i);
  std::make_heap(candidates.begin(), candidates.end(), later);
  while (!candidates.empty()) {
    std::pop_heap(candidates.begin(), candidates.end(), later);
    Candidate candidate = candidates.back();
    candidates.pop_back();
    size_t old = candidates.size();
    apply(candidate);
    for (size_t i = old; i < candidates.size(); ++i)
      std::push_heap(candidates.begin(), candidates.begin() + i + 1, later);
  }

  for (uint32_t i = size ? 0 : kEnd; i != kEnd; i = symbols[i].next)
    if (symbols[i].id != kAbsent)
      out.push_back(symbols[i].id);
}

/// Appends the merge of the symbol at `position` with the next one, if there is
/// one.
void BytePairEncoder::consider(uint32_t position) {
  const Symbol &left = symbols[position];
  if (left.next == kEnd || left.id < 0 || symbols[left.next].id < 0)
    return;
  int32_t right = symbols[left.next].id;
  if (const MergeTable::Merge *merge = merges.find(left.id, right))
    candidates.push_back({static_cast<uint64_t>(merge->rank) << 32 | position,
                          left.id, right, merge->token});
}

/// Carries out a merge, unless one of its symbols has been merged since, and
/// appends those that it makes possible.
void BytePairEncoder::apply(const Candidate &candidate) {
  uint32_t position = static_cast<uint32_t>(candidate.order);
  Symbol &left = symbols[position];
  if (left.id != candidate.left || left.next == kEnd ||
      symbols[left.next].id != candidate.right)
    return;
  Symbol &right = symbols[left.next];
  right.id = kMerged;
  left.id = candidate.token;
  left.next = right.next;
  if (left.next != kEnd)
    symbols[left.next].previous = position;
  if (left.previous != kEnd)
    consider(left.previous);
  consider(position);
}

} // namespace tokrt::text
