//===- SpecialTokens.cpp - Tokens that are found by name ------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SpecialTokens.h"

#include "Failure.h"

#include <algorithm>
#include <tuple>

namespace tokrt::text {

/// A search may look at this many bytes at each place of the text. Real names
/// have a few dozen.
constexpr size_t kMaxNameBytes = 256;

SpecialTokens::SpecialTokens(const Vocabulary &vocabulary, bool withControl) {
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    TokenType type = vocabulary.type(id);
    std::string_view name = vocabulary.bytes(id);
    if (name.empty() || !(type == TokenType::UserDefined ||
                          (withControl && type == TokenType::Control)))
      continue;
    if (name.size() > kMaxNameBytes)
      raise(TOKRT_INVALID_FILE,
            "metadata key 'tokenizer.ggml.tokens': entry %d, a special token, "
            "has %zu bytes, expected at most %zu",
            id, name.size(), kMaxNameBytes);
    entries.push_back({name, id});
    firstBytes.set(static_cast<uint8_t>(name[0]));
  }
  // The lowest id comes first, and stays, if a name is there more than once.
  std::sort(entries.begin(), entries.end(), [](const Entry &a, const Entry &b) {
    return std::tie(a.name, a.id) < std::tie(b.name, b.id);
  });
  entries.erase(std::unique(entries.begin(), entries.end(),
                            [](const Entry &a, const Entry &b) {
                              return a.name == b.name;
                            }),
                entries.end());
}

/// The longest entry that `text` begins with, or null.
const SpecialTokens::Entry *SpecialTokens::findAt(std::string_view text) const {
  const Entry *longest = nullptr;
  // In [first, last) are the entries that share the first `size` bytes of the
  // text; the one that has no more stands first.
  auto first = entries.begin(), last = entries.end();
  for (size_t size = 0; size < text.size(); ++size) {
    uint8_t byte = static_cast<uint8_t>(text[size]);
    auto at = [&](const Entry &entry) {
      return static_cast<uint8_t>(entry.name[size]);
    };
    first = std::partition_point(
        first, last, [&](const Entry &entry) { return at(entry) < byte; });
    last = std::partition_point(
        first, last, [&](const Entry &entry) { return at(entry) == byte; });
    if (first == last)
      break;
    if (first->name.size() == size + 1) {
      longest = &*first;
      if (++first == last)
        break;
    }
  }
  return longest;
}

SpecialTokens::Match SpecialTokens::find(std::string_view text,
                                         size_t from) const {
  for (size_t i = entries.empty() ? text.size() : from; i < text.size(); ++i)
    if (firstBytes[static_cast<uint8_t>(text[i])])
      if (const Entry *entry = findAt(text.substr(i)))
        return {i, entry->name.size(), entry->id};
  return {text.size(), 0, kNoToken};
}

} // namespace tokrt::text
