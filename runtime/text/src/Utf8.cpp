//===- Utf8.cpp - Reading UTF-8 that may be broken ------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Utf8.h"

#include <cstring>

namespace tokrt::text {

Utf8Unit readUtf8(std::string_view bytes) {
  auto at = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  uint8_t lead = at(0);
  if (lead < 0x80)
    return {Utf8Unit::Character, 1, lead};

  // The second byte's range depends on the first: this is what excludes
  // overlong forms (E0, F0), surrogates (ED) and values that are too large
  // (F4).
  uint8_t length, low = 0x80, high = 0xbf;
  char32_t value;
  if (lead >= 0xc2 && lead <= 0xdf) {
    length = 2;
    value = lead & 0x1f;
  } else if ((lead & 0xf0) == 0xe0) {
    length = 3;
    value = lead & 0x0f;
    low = lead == 0xe0 ? 0xa0 : low;
    high = lead == 0xed ? 0x9f : high;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    length = 4;
    value = lead & 0x07;
    low = lead == 0xf0 ? 0x90 : low;
    high = lead == 0xf4 ? 0x8f : high;
  } else {
    return {Utf8Unit::Broken, 1, 0};
  }

  for (uint8_t i = 1; i < length; ++i) {
    if (i == bytes.size())
      return {Utf8Unit::Cut, i, 0};
    if (at(i) < low || at(i) > high)
      return {Utf8Unit::Broken, i, 0};
    value = value << 6 | (at(i) & 0x3f);
    low = 0x80;
    high = 0xbf;
  }
  return {Utf8Unit::Character, length, value};
}

size_t wellFormedPrefix(std::string_view bytes) {
  size_t position = 0;
  while (position < bytes.size()) {
    // Most text is ASCII: pass eight bytes at a time.
    uint64_t word;
    if (bytes.size() - position >= sizeof word) {
      memcpy(&word, bytes.data() + position, sizeof word);
      if (!(word & 0x8080808080808080)) {
        position += sizeof word;
        continue;
      }
    }
    Utf8Unit unit = readUtf8(bytes.substr(position));
    if (unit.kind != Utf8Unit::Character)
      break;
    position += unit.size;
  }
  return position;
}

size_t countCharacters(std::string_view bytes) {
  size_t count = 0;
  for (size_t position = 0; position < bytes.size(); ++count)
    position += readUtf8(bytes.substr(position)).size;
  return count;
}

size_t findBytes(std::string_view bytes, std::string_view wanted) {
  if (wanted.empty())
    return 0;
  if (wanted.size() > bytes.size())
    return std::string_view::npos;
  const void *found =
      memmem(bytes.data(), bytes.size(), wanted.data(), wanted.size());
  return found ? static_cast<const char *>(found) - bytes.data()
               : std::string_view::npos;
}

void appendUtf8(std::string &out, char32_t value) {
  if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
    value = 0xfffd;
  auto put = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  auto putTail = [&](int shift) { put(0x80 | (value >> shift & 0x3f)); };
  if (value < 0x80) {
    put(value);
  } else if (value < 0x800) {
    put(0xc0 | value >> 6);
    putTail(0);
  } else if (value < 0x10000) {
    put(0xe0 | value >> 12);
    putTail(6);
    putTail(0);
  } else {
    put(0xf0 | value >> 18);
    putTail(12);
    putTail(6);
    putTail(0);
  }
}

} // namespace tokrt::text
