//===- Failure.h - How the text library reports errors inside ---*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Inside this library an error is an exception: a parser that is full of checks
// reads better without a status on each line. None leaves it: every function of
// the C API runs its body through `guarded`.
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_TEXT_FAILURE_H_
#define TOKRT_TEXT_FAILURE_H_

#include "runtime/src/Guard.h"

#include <string>
#include <string_view>

namespace tokrt::text {

/// An error on its way to the C API.
struct Failure {
  tokrt_status_t status;
  std::string message;
};

/// Throws a `Failure` with a message in the form of printf.
[[noreturn, gnu::format(printf, 2, 3)]] void raise(tokrt_status_t status,
                                                   const char *format, ...);

/// `text` fit for a message: shortened if long. It may come from a file.
std::string excerpt(std::string_view text);

/// Runs `body` and turns what it throws into a status and a message.
template <typename Body>
tokrt_status_t guarded(tokrt_error_t *error, Body &&body) {
  return tokrt::guarded(error, "text", [&] {
    try {
      body();
      return TOKRT_OK;
    } catch (const Failure &failure) {
      return fail(error, failure.status, "%s", failure.message.c_str());
    }
  });
}

} // namespace tokrt::text

#endif // TOKRT_TEXT_FAILURE_H_
