//===- Params.cpp - Parameters of any version of the header ---------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Params.h"
#include "Error.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

using namespace tokrt;

/// A size beyond this was never set by a header. Without the limit, memory that
/// nobody initialized would be read as far as a random number says.
static constexpr size_t kMaxSize = 4096;
/// Sizes of structs that hold a `size_t` are multiples of this, so that an
/// older header's end is never inside a field.
static constexpr size_t kUnit = alignof(size_t);

tokrt_status_t tokrt::readParams(const char *call, const void *from, void *out,
                                 size_t size, tokrt_error_t *error) {
  size_t given;
  memcpy(&given, from, sizeof given);
  if (given < sizeof given || given > kMaxSize || given % kUnit)
    return fail(error, TOKRT_INVALID_ARGUMENT,
                "%s: struct_size: found %zu, expected %zu or that of another "
                "version; fill the parameters with their _params_init first",
                call, given, size);
  const auto *bytes = static_cast<const uint8_t *>(from);
  for (size_t i = size; i < given; ++i)
    if (bytes[i])
      return fail(error, TOKRT_INVALID_ARGUMENT,
                  "%s: struct_size: found %zu bytes with a value at %zu, "
                  "expected zeroes from %zu on; this library is older than "
                  "the caller's header: leave newer fields at their defaults",
                  call, given, i, size);
  memcpy(out, from, std::min(given, size));
  memcpy(out, &size, sizeof size);
  return TOKRT_OK;
}

void tokrt_model_params_init_sized(tokrt_model_params_t *out_params,
                                   size_t size) {
  initParams(out_params, size, tokrt_model_params_t{});
}

void tokrt_engine_params_init_sized(tokrt_engine_params_t *out_params,
                                    size_t size) {
  tokrt_engine_params_t defaults{};
  defaults.requests = 64;
  initParams(out_params, size, defaults);
}

void tokrt_request_params_init_sized(tokrt_request_params_t *out_params,
                                     size_t size) {
  tokrt_request_params_t defaults{};
  defaults.max_tokens = 128;
  defaults.sampling.top_p = 1;
  initParams(out_params, size, defaults);
}
