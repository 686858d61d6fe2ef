//===- Failure.cpp - How the text library reports errors inside -----------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Failure.h"

#include <cstdarg>
#include <cstdio>

namespace tokrt::text {

void raise(tokrt_status_t status, const char *format, ...) {
  char message[sizeof(tokrt_error_t::message)];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  throw Failure{status, message};
}

std::string excerpt(std::string_view text) {
  constexpr size_t kLimit = 80;
  if (text.size() <= kLimit)
    return std::string(text);
  return std::string(text.substr(0, kLimit)) + "...";
}

} // namespace tokrt::text
