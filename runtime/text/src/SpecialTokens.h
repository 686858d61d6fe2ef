//===- SpecialTokens.h - Tokens that are found by name ----------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_TEXT_SPECIALTOKENS_H_
#define TOKRT_TEXT_SPECIALTOKENS_H_

#include "Vocabulary.h"

#include <bitset>
#include <string_view>
#include <vector>

namespace tokrt::text {

/// Finds tokens that no merge makes: they are cut out of the text before it is
/// cut into words. Keeps a view of the vocabulary.
class SpecialTokens {
public:
  /// User-defined tokens, and control tokens too if `withControl`.
  SpecialTokens(const Vocabulary &vocabulary, bool withControl);

  struct Match {
    size_t position, size;
    int32_t id;
  };

  /// The first one at or after `from`, the longest if several begin there. At
  /// the end of the text there is one of size 0.
  Match find(std::string_view text, size_t from) const;

private:
  struct Entry {
    std::string_view name;
    int32_t id;
  };

  const Entry *findAt(std::string_view text) const;

  std::vector<Entry> entries; // by name
  std::bitset<256> firstBytes;
};

} // namespace tokrt::text

#endif // TOKRT_TEXT_SPECIALTOKENS_H_
