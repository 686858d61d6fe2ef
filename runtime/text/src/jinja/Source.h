//===- Source.h - A chat template's text and places in it -------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_TEXT_JINJA_SOURCE_H_
#define TOKRT_TEXT_JINJA_SOURCE_H_

#include "tokrt/tokrt.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace tokrt::text::jinja {

/// The text of a template as the language sees it: every line ends with a line
/// feed alone, and one at the very end is not part of it.
class Source {
public:
  explicit Source(std::string_view text);

  std::string_view text() const { return normalized; }

  /// Throws a `Failure` whose message begins with the line and the column of
  /// the character at `offset`.
  [[noreturn, gnu::format(printf, 3, 4)]] void
  raise(size_t offset, const char *format, ...) const;

private:
  std::string normalized;
};

} // namespace tokrt::text::jinja

#endif // TOKRT_TEXT_JINJA_SOURCE_H_
