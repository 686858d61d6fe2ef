//===- MergeTable.cpp - Which two tokens become one -----------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MergeTable.h"

#include "Failure.h"

#include <cinttypes>

namespace tokrt::text {

MergeTable::MergeTable(const TokenTexts &texts, const Vocabulary &vocabulary,
                       const StringArray &merges)
    : vocabulary(vocabulary) {
  if (merges.size() > UINT32_MAX)
    raise(TOKRT_INVALID_FILE,
          "metadata key 'tokenizer.ggml.merges': found %" PRIu64
          " entries, expected less than 2^32",
          merges.size());
  size_t capacity = 2; // so that one slot at least stays free
  while (capacity < 2 * merges.size())
    capacity *= 2;
  slots.resize(capacity);
  mask = capacity - 1;

  MergedTokenFinder finder(texts);
  merges.forEach([&](uint64_t rank, std::string_view merge) {
    // The first character may be a space only in vocabularies of another kind.
    size_t space = merge.find(' ', 1);
    if (space == std::string_view::npos || space + 1 == merge.size())
      raise(TOKRT_INVALID_FILE,
            "metadata key 'tokenizer.ggml.merges': entry %" PRIu64
            " is '%s', expected two tokens with a space between",
            rank, excerpt(merge).c_str());
    std::string_view left = merge.substr(0, space);
    std::string_view right = merge.substr(space + 1);
    int32_t token = finder.find(left, right);
    if (token == kNoToken)
      raise(TOKRT_INVALID_FILE,
            "metadata key 'tokenizer.ggml.merges': entry %" PRIu64
            " ('%s') makes a token that is not in 'tokenizer.ggml.tokens'",
            rank, excerpt(merge).c_str());
    // Of two merges of one pair the earlier wins, so the later can be dropped.
    uint64_t pair = hashPair(hashText(left), hashText(right));
    Slot &slot = slots[probe(pair)];
    if (slot.pair == kFree)
      slot = {pair, {static_cast<uint32_t>(rank), token}};
  });

  hashes.reserve(texts.size());
  for (int32_t id = 0; id < texts.size(); ++id)
    hashes.push_back(hashText(texts[id]));
}

bool MergeTable::makes(int32_t token, int32_t left, int32_t right) const {
  std::string_view whole = vocabulary.bytes(token);
  std::string_view first = vocabulary.bytes(left);
  std::string_view second = vocabulary.bytes(right);
  return whole.size() == first.size() + second.size() &&
         whole.substr(0, first.size()) == first &&
         whole.substr(first.size()) == second;
}

} // namespace tokrt::text
