//===- Utf8.h - Reading UTF-8 that may be broken ----------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_TEXT_UTF8_H_
#define TOKRT_TEXT_UTF8_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace tokrt::text {

/// What stands at the start of a byte string.
struct Utf8Unit {
  enum Kind : uint8_t {
    Character, // a well-formed sequence
    Cut,       // the bytes end inside a sequence that is well-formed so far
    Broken,    // no well-formed sequence begins like this
  };
  Kind kind;
  uint8_t size;   // bytes of the sequence, or of its longest well-formed start,
                  // at least 1
  char32_t value; // of a `Character`
};

/// Reads the first unit of `bytes`, which must not be empty. Overlong forms,
/// surrogates and values above U+10FFFF are `Broken`.
Utf8Unit readUtf8(std::string_view bytes);

/// Length of the longest start of `bytes` that is well-formed.
size_t wellFormedPrefix(std::string_view bytes);

/// Number of characters; each unit that is none counts as one too.
size_t countCharacters(std::string_view bytes);

/// Where `wanted` first stands in `bytes`, or npos. Unlike the standard
/// library's search this takes linear time whatever the strings.
size_t findBytes(std::string_view bytes, std::string_view wanted);

/// Appends the encoding of `value`, or of U+FFFD if it is no scalar value.
void appendUtf8(std::string &out, char32_t value);

} // namespace tokrt::text

#endif // TOKRT_TEXT_UTF8_H_
