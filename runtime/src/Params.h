//===- Params.h - Parameters of any version of the header -------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_SRC_PARAMS_H_
#define TOKRT_SRC_PARAMS_H_

#include "tokrt/tokrt.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace tokrt {

/// Reads parameters whose first field is the size that their caller's header
/// gave them. `out` holds the defaults of all `size` bytes this version knows.
/// A caller with an older header keeps the defaults behind its end; one with a
/// newer header is served as long as it leaves what is unknown here at zero.
/// `call` names the C function that was called.
tokrt_status_t readParams(const char *call, const void *from, void *out,
                          size_t size, tokrt_error_t *error);

/// What `from` says, or the defaults if it is null.
template <typename Params, typename Init>
tokrt_status_t readParams(const char *call, Init init, const Params *from,
                          Params *out, tokrt_error_t *error) {
  init(out, sizeof *out);
  return from ? readParams(call, from, out, sizeof *out, error) : TOKRT_OK;
}

/// Gives the caller as much of the defaults as its header knows.
template <typename Params>
void initParams(Params *out, size_t size, Params defaults) {
  defaults.struct_size = size;
  memset(out, 0, size);
  memcpy(out, &defaults, std::min(size, sizeof defaults));
}

} // namespace tokrt

#endif // TOKRT_SRC_PARAMS_H_
