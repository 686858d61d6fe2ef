//===- TokenTexts.cpp - The tokens as the file spells them ----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TokenTexts.h"

#include "Failure.h"

#include <cinttypes>
#include <string>

namespace tokrt::text {

TokenTexts::TokenTexts(const StringArray &tokens) {
  if (tokens.size() == 0 || tokens.size() > INT32_MAX)
    raise(TOKRT_INVALID_FILE,
          "metadata key 'tokenizer.ggml.tokens': found %" PRIu64
          " tokens, expected 1 to %d",
          tokens.size(), INT32_MAX);
  texts.reserve(tokens.size());
  tokens.forEach(
      [&](uint64_t, std::string_view text) { texts.push_back(text); });
}

bool MergedTokenFinder::is(int32_t id, std::string_view left,
                           std::string_view right) const {
  std::string_view text = texts[id];
  return text.size() == left.size() + right.size() &&
         text.substr(0, left.size()) == left &&
         text.substr(left.size()) == right;
}

int32_t MergedTokenFinder::find(std::string_view left, std::string_view right) {
  // Training writes the tokens in the order of the merges that make them. Once
  // the first is found, each of the others is the next one, and a comparison
  // that stays in the cache replaces a search that does not.
  if (next == kNoToken) {
    next = 0;
    while (next < texts.size() && !is(next, left, right))
      ++next;
  }
  if (next < texts.size() && is(next, left, right))
    return next++;

  if (index.empty()) {
    index.reserve(texts.size());
    for (int32_t id = 0; id < texts.size(); ++id)
      index.emplace(texts[id], id);
  }
  auto it = index.find(std::string(left).append(right));
  if (it == index.end())
    return kNoToken;
  next = it->second + 1;
  return it->second;
}

uint64_t hashText(std::string_view text) {
  // Multiplies and folds eight bytes at a time; most tokens have fewer.
  constexpr uint64_t kFactor = 0x9e3779b97f4a7c15;
  const char *data = text.data();
  size_t size = text.size();
  uint64_t hash = size * kFactor;
  auto mix = [&](uint64_t word) {
    hash = (hash ^ word) * kFactor;
    hash ^= hash >> 32;
  };
  for (; size >= 8; data += 8, size -= 8)
    mix(loadUnaligned<uint64_t>(data));
  auto byte = [&](size_t i) { return static_cast<uint8_t>(data[i]); };
  if (size >= 4) // the two words overlap, and every byte is in one
    mix(loadUnaligned<uint32_t>(data) |
        static_cast<uint64_t>(loadUnaligned<uint32_t>(data + size - 4)) << 32);
  else if (size > 0)
    mix(byte(0) | byte(size / 2) << 8 | byte(size - 1) << 16);
  return hash;
}

} // namespace tokrt::text
