//===- TokenTexts.h - The tokens as the file spells them --------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_TEXT_TOKENTEXTS_H_
#define TOKRT_TEXT_TOKENTEXTS_H_

#include "Metadata.h"

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tokrt::text {

/// The id of no token.
constexpr int32_t kNoToken = -1;

/// Access by id to an array of strings that can only be walked. Only loading
/// needs it; it keeps views into the metadata.
class TokenTexts {
public:
  explicit TokenTexts(const StringArray &tokens);

  int32_t size() const { return static_cast<int32_t>(texts.size()); }
  std::string_view operator[](int32_t id) const { return texts[id]; }

private:
  std::vector<std::string_view> texts;
};

/// Finds the tokens that merges make, in the order of the merges.
class MergedTokenFinder {
public:
  explicit MergedTokenFinder(const TokenTexts &texts) : texts(texts) {}

  /// The token `left` + `right`, or `kNoToken`.
  int32_t find(std::string_view left, std::string_view right);

private:
  bool is(int32_t id, std::string_view left, std::string_view right) const;

  const TokenTexts &texts;
  int32_t next = kNoToken;
  std::unordered_map<std::string_view, int32_t> index; // empty until needed
};

/// A hash of a token's text.
uint64_t hashText(std::string_view text);

/// A hash of a pair of texts from theirs, never 0.
inline uint64_t hashPair(uint64_t left, uint64_t right) {
  uint64_t hash = (left * 0x9e3779b97f4a7c15 ^ right) * 0xd6e8feb86659fd93;
  return (hash ^ hash >> 32) | 1ull << 63;
}

} // namespace tokrt::text

#endif // TOKRT_TEXT_TOKENTEXTS_H_
