//===- Error.h - Filling a tokrt_error_t ------------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_SRC_ERROR_H_
#define TOKRT_SRC_ERROR_H_

#include "tokrt/tokrt.h"

#include <cstdarg>
#include <cstdio>

namespace tokrt {

/// Writes the message, makes it one printable line (its parts may come from an
/// untrusted file) and returns `status`, so that `return fail(...)` reads well.
[[gnu::format(printf, 3, 4)]] inline tokrt_status_t
fail(tokrt_error_t *error, tokrt_status_t status, const char *format, ...) {
  if (!error)
    return status;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error->message, sizeof error->message, format, arguments);
  va_end(arguments);
  for (char *c = error->message; *c; ++c)
    if (static_cast<unsigned char>(*c) < 0x20 || *c == 0x7f)
      *c = '?';
  return status;
}

} // namespace tokrt

#endif // TOKRT_SRC_ERROR_H_
