//===- Guard.h - The edge between C callers and C++ inside ------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_SRC_GUARD_H_
#define TOKRT_SRC_GUARD_H_

#include "Error.h"

#include <exception>

namespace tokrt {

/// Runs the body of a C function that allocates. The core throws nothing
/// itself: what comes are the containers' `bad_alloc` and `length_error`, and
/// both say that there is not this much memory. `subject` begins the message.
template <typename Body>
tokrt_status_t guarded(tokrt_error_t *error, const char *subject, Body &&body) {
  try {
    return body();
  } catch (const std::exception &) {
    return fail(error, TOKRT_OUT_OF_MEMORY,
                "%s: the system has no memory left; end other programs or take "
                "a smaller model",
                subject);
  }
}

} // namespace tokrt

#endif // TOKRT_SRC_GUARD_H_
