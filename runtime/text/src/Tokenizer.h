//===- Tokenizer.h - The parts of a tokenizer put together ------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_TEXT_TOKENIZER_H_
#define TOKRT_TEXT_TOKENIZER_H_

#include "MergeTable.h"
#include "PreTokenizer.h"
#include "SpecialTokens.h"
#include "Vocabulary.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace tokrt::text {

/// A byte-level BPE tokenizer as a model file describes it. Immutable.
class Tokenizer {
public:
  explicit Tokenizer(const Metadata &metadata);

  // Its parts point to each other.
  Tokenizer(const Tokenizer &) = delete;
  Tokenizer &operator=(const Tokenizer &) = delete;

  const Vocabulary &vocabulary() const { return tokens; }

  /// Tokens that end a reply, ascending.
  const std::vector<int32_t> &endTokens() const { return ends; }

  /// Names of the tokens that begin and end a sequence, as chat templates use
  /// them; empty if the file names none.
  std::string_view beginName() const { return nameOf(begin); }
  std::string_view endName() const { return nameOf(end); }

  std::vector<int32_t> encode(std::string_view text, bool parseControl) const;

  /// The bytes of one token; throws if there is no such token.
  std::string_view decode(int32_t id) const;

private:
  Tokenizer(const Metadata &metadata, const TokenTexts &texts);

  std::string_view nameOf(int32_t id) const {
    return tokens.contains(id) ? tokens.bytes(id) : std::string_view();
  }
  int32_t findId(const Metadata &metadata, std::string_view key) const;
  void findEnds(const Metadata &metadata);

  Vocabulary tokens;
  MergeTable merges;
  PreTokenizer preTokenizer;
  SpecialTokens userDefined;
  SpecialTokens allSpecial;
  int32_t begin, end; // or `kNoToken`
  bool addBegin;
  std::vector<int32_t> ends;
};

} // namespace tokrt::text

#endif // TOKRT_TEXT_TOKENIZER_H_
