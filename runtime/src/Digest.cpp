//===- Digest.cpp - XXH3-128 over parts of a file -------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Digest.h"

#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

using namespace tokrt;

std::string Digest::hex() const {
  static const char kDigits[] = "0123456789abcdef";
  std::string text;
  for (uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

Digest tokrt::digest(const void *a, size_t aSize, const void *b, size_t bSize,
                     const void *c, size_t cSize) {
  // The state is aligned to a cache line, so it stands here and not in a heap
  // block of lesser alignment.
  XXH3_state_t state;
  XXH3_128bits_reset(&state);
  if (aSize)
    XXH3_128bits_update(&state, a, aSize);
  if (bSize)
    XXH3_128bits_update(&state, b, bSize);
  if (cSize)
    XXH3_128bits_update(&state, c, cSize);
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&state));
  Digest out;
  static_assert(sizeof canonical.digest == sizeof out.bytes);
  memcpy(out.bytes, canonical.digest, sizeof out.bytes);
  return out;
}
