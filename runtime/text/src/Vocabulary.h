//===- Vocabulary.h - The tokens as bytes -----------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_TEXT_VOCABULARY_H_
#define TOKRT_TEXT_VOCABULARY_H_

#include "Metadata.h"
#include "TokenTexts.h"

#include <array>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace tokrt::text {

/// The values of `tokenizer.ggml.token_type`.
enum class TokenType : uint8_t {
  Undefined = 0,
  Normal = 1,
  Unknown = 2,
  Control = 3,
  UserDefined = 4,
  Unused = 5,
  Byte = 6,
};

/// A byte-level vocabulary. The file spells each byte as a printable character
/// (a space is U+0120, for example); here every token is the bytes it stands
/// for, so that encoding and decoding never see that spelling.
class Vocabulary {
public:
  Vocabulary(const TokenTexts &texts, const std::optional<IntArray> &types);

  int32_t size() const { return static_cast<int32_t>(types.size()); }
  bool contains(int32_t id) const { return id >= 0 && id < size(); }
  TokenType type(int32_t id) const { return types[id]; }

  /// What the token stands for; nothing for `Unused` ones, which only fill the
  /// embedding table. A special token stands for its name.
  std::string_view bytes(int32_t id) const {
    uint32_t begin = id == 0 ? 0 : ends[id - 1];
    return {arena.get() + begin, ends[id] - begin};
  }

  /// The token of a single byte, or `kNoToken`: a vocabulary trained
  /// on text lacks bytes that it never met.
  int32_t byteToken(uint8_t byte) const { return byteTokens[byte]; }

private:
  std::vector<TokenType> types;
  std::vector<uint32_t> ends;    // into `arena`
  std::unique_ptr<char[]> arena; // all tokens, one after the other
  std::array<int32_t, 256> byteTokens;
};

} // namespace tokrt::text

#endif // TOKRT_TEXT_VOCABULARY_H_
