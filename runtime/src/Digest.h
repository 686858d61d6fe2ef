//===- Digest.h - XXH3-128 over parts of a file -----------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_SRC_DIGEST_H_
#define TOKRT_SRC_DIGEST_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace tokrt {

/// 16 bytes, big-endian as xxHash prints them.
struct Digest {
  uint8_t bytes[16];

  std::string hex() const;
};

/// Hashes the concatenation of three ranges (any may be empty).
Digest digest(const void *a, size_t aSize, const void *b = nullptr,
              size_t bSize = 0, const void *c = nullptr, size_t cSize = 0);

} // namespace tokrt

#endif // TOKRT_SRC_DIGEST_H_
