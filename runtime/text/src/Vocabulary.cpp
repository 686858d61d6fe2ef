//===- Vocabulary.cpp - The tokens as bytes -------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Vocabulary.h"

#include "Failure.h"

#include <cinttypes>

namespace tokrt::text {

namespace {

/// The spelling of bytes that GPT-2 began with: a byte that is a visible
/// Latin-1 character stands for itself, and the others, in ascending order, are
/// the characters from U+0100 on.
class ByteSpelling {
public:
  static constexpr char32_t kEnd = 0x144; // no byte is spelled by it or above

  constexpr ByteSpelling() {
    for (char32_t c = 0; c < kEnd; ++c)
      bytes[c] = -1;
    char32_t next = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
      bool visible = (byte >= 0x21 && byte <= 0x7e) ||
                     (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
      characters[byte] = visible ? static_cast<char32_t>(byte) : next++;
      bytes[characters[byte]] = static_cast<int16_t>(byte);
    }
  }

  constexpr char32_t character(uint8_t byte) const { return characters[byte]; }

  /// The byte that `character` spells, or -1.
  constexpr int byte(char32_t character) const {
    return character < kEnd ? bytes[character] : -1;
  }

private:
  char32_t characters[256] = {};
  int16_t bytes[kEnd] = {};
};

constexpr ByteSpelling kSpelling;
static_assert(kSpelling.character(' ') == 0x120);
static_assert(kSpelling.character(0xad) == ByteSpelling::kEnd - 1);

/// Writes the bytes that `text` spells to `out`, which has room for as many as
/// `text` has. Text with any other character is taken as it stands.
char *unspell(std::string_view text, char *out) {
  char *next = out;
  for (size_t i = 0; i < text.size(); ++i) {
    // A character below U+0144 has at most two bytes, so full UTF-8 is not
    // needed; loading a vocabulary is mostly this loop.
    char32_t character = static_cast<uint8_t>(text[i]);
    if (character >= 0x80) {
      bool isPair = character >= 0xc2 && character <= 0xc5 &&
                    i + 1 < text.size() && (text[i + 1] & 0xc0) == 0x80;
      character = isPair ? (character & 0x1f) << 6 | (text[++i] & 0x3f)
                         : ByteSpelling::kEnd;
    }
    int byte = kSpelling.byte(character);
    if (byte < 0) {
      memcpy(out, text.data(), text.size());
      return out + text.size();
    }
    *next++ = static_cast<char>(byte);
  }
  return next;
}

TokenType checkedType(const IntArray &types, int32_t id) {
  int32_t type = types[id];
  if (type < 0 || type > static_cast<int32_t>(TokenType::Byte))
    raise(TOKRT_INVALID_FILE,
          "metadata key 'tokenizer.ggml.token_type': entry %d is %d, expected "
          "0 to 6",
          id, type);
  return static_cast<TokenType>(type);
}

} // namespace

Vocabulary::Vocabulary(const TokenTexts &texts,
                       const std::optional<IntArray> &fileTypes) {
  int32_t count = texts.size();
  if (fileTypes && fileTypes->size() != static_cast<uint64_t>(count))
    raise(TOKRT_INVALID_FILE,
          "metadata key 'tokenizer.ggml.token_type': found %" PRIu64
          " entries, expected one for each of the %d tokens",
          fileTypes->size(), count);

  uint64_t total = 0;
  for (int32_t id = 0; id < count; ++id)
    total += texts[id].size();
  if (total > UINT32_MAX)
    raise(TOKRT_INVALID_FILE,
          "metadata key 'tokenizer.ggml.tokens': found %" PRIu64
          " bytes of text, expected less than 4 GiB",
          total);

  types.resize(count, TokenType::Normal);
  ends.resize(count);
  byteTokens.fill(kNoToken);
  // Not a vector, which would write zeros first.
  arena.reset(new char[total]);
  char *end = arena.get();
  for (int32_t id = 0; id < count; ++id) {
    if (fileTypes)
      types[id] = checkedType(*fileTypes, id);
    std::string_view text = texts[id];
    char *begin = end;
    switch (types[id]) {
    case TokenType::Control:
    case TokenType::UserDefined:
    case TokenType::Unknown:
      memcpy(begin, text.data(), text.size());
      end += text.size();
      break;
    case TokenType::Unused:
      break;
    default:
      end = unspell(text, begin);
      if (end == begin + 1 && byteTokens[static_cast<uint8_t>(*begin)] < 0)
        byteTokens[static_cast<uint8_t>(*begin)] = id;
    }
    ends[id] = static_cast<uint32_t>(end - arena.get());
  }
}

} // namespace tokrt::text
