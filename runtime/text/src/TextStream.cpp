//===- TextStream.cpp - Valid UTF-8 from a stream of tokens ---------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TextStream.h"

#include "Utf8.h"

namespace tokrt::text {

constexpr char32_t kReplacement = 0xfffd;

std::string_view TextStream::push(std::string_view bytes) {
  held += bytes;
  out.clear();
  std::string_view rest = held;
  while (!rest.empty()) {
    size_t whole = wellFormedPrefix(rest);
    out += rest.substr(0, whole);
    rest.remove_prefix(whole);
    if (rest.empty())
      break;
    Utf8Unit unit = readUtf8(rest);
    if (unit.kind == Utf8Unit::Cut)
      break;
    appendUtf8(out, kReplacement);
    rest.remove_prefix(unit.size);
  }
  held.erase(0, held.size() - rest.size());
  return out;
}

std::string_view TextStream::finish() {
  out.clear();
  if (!held.empty())
    appendUtf8(out, kReplacement);
  held.clear();
  return out;
}

} // namespace tokrt::text
