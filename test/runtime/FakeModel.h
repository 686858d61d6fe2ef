//===- FakeModel.h - A model made of hashes -----------------------*- C -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The runtime's tests need bundles, and the compiler that writes real ones is
// not theirs to call. This model has the structure of a real one and computes
// hashes: the value of a row after a layer is a hash of what it was before, of
// the layer's weights, and of what the row's whole history appended to the
// cache at that layer. So a token depends on every id, position, page and layer
// range that the runtime handled, and any mistake changes it.
//
// `FakeStep.c` is the code in the bundle; `expectedTokens` in `Oracle.h` says
// what it must give.
//
//===----------------------------------------------------------------------===//

#ifndef TEST_RUNTIME_FAKEMODEL_H_
#define TEST_RUNTIME_FAKEMODEL_H_

#include <stdint.h>

enum {
  kFakeLayers = 5,
  kFakeWidth = 23, // padded to 32 in the frontier
  kFakeVocab = 997,
  kFakeStride = 1008, // of the logits
  kFakeContext = 96,
  kFakeSlots = 4,    // positions in a page of the first cache
  kFakeAuxSlots = 6, // and of the second
  kFakeEntryBytes = 16,
  kFakePageBytes = kFakeSlots * kFakeLayers * kFakeEntryBytes,
  kFakeAuxPageBytes = kFakeAuxSlots * 8,
  kFakeRowBytes = 64,
  kFakeFixedBytes = 64,
  kFakeScratchBytes = 64,
  kFakeWeightBytes = kFakeLayers * 8,
};

/// What the step found wrong; it draws the token `-code`.
enum {
  kFakeBadFrame = 1,    // alignment, sizes or order of rows
  kFakeBadFloats = 2,   // denormals are not flushed
  kFakeDirtyPage = 3,   // a slot is not zero before its append
  kFakeBadHistory = 4,  // a cached position is missing or another's
  kFakeBadFrontier = 5, // not the row that was written
  kFakeBadScratch = 6,  // shared with another worker
};

static inline uint64_t fakeMix(uint64_t a, uint64_t b) {
  uint64_t x = (a ^ (b + 0x9e3779b97f4a7c15u + (a << 6) + (a >> 2))) *
               0xff51afd7ed558ccdu;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53u;
  return x ^ x >> 29;
}

/// A row as it enters layer 0.
static inline uint64_t fakeEmbed(int32_t id, int32_t pos) {
  return fakeMix((uint64_t)id + 1, (uint64_t)pos + 1);
}

/// What a row appends to the cache.
static inline uint64_t fakeKey(uint64_t row, uint64_t layer) {
  return fakeMix(row, layer + 101);
}

/// The mark of a position in the cache; never 0.
static inline uint64_t fakeTag(uint64_t position, uint64_t layer) {
  return position * 64 + layer + 1;
}

/// The token that a last row `x` and the parameters of its draw give.
static inline int32_t fakeToken(uint64_t x, float temperature, int64_t seed,
                                int64_t counter) {
  if (temperature != 0)
    x = fakeMix(x, fakeMix((uint64_t)seed, (uint64_t)counter));
  return (int32_t)(x % kFakeVocab);
}

/// A logit; the greedy token has the largest. Made of bits, because a constant
/// would have to be loaded from data, and the entry has none.
static inline float fakeLogit(uint64_t x, uint64_t token) {
  uint32_t bits = 0x42000000; // 32
  float logit;
  if (token != x % kFakeVocab)
    bits = 0x3f800000 | ((uint32_t)fakeMix(x, token) & 0x7fff00); // [1, 2)
  __builtin_memcpy(&logit, &bits, sizeof logit);
  return logit;
}

#endif // TEST_RUNTIME_FAKEMODEL_H_
