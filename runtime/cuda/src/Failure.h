//===- Failure.h - What the driver's errors mean ----------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_CUDA_FAILURE_H_
#define TOKRT_CUDA_FAILURE_H_

#include "runtime/cuda/src/Driver.h"
#include "runtime/src/Error.h"

namespace tokrt::cuda {

/// Whether every later call in the context gives an error too: a kernel
/// faulted, or the GPU did.
bool isSticky(Result result);

/// The status that stands for `result`.
tokrt_status_t statusOf(Result result);

/// Writes "subject: call: name: text; what to do" for what `call` returned.
/// `advice` is what to do; null takes what is known of `result` alone.
tokrt_status_t failCall(const Driver &driver, Result result,
                        const char *subject, const char *call,
                        const char *advice, tokrt_error_t *error);

} // namespace tokrt::cuda

#endif // TOKRT_CUDA_FAILURE_H_
