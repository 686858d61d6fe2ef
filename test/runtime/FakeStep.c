//===- FakeStep.c - The entry of the fake model's bundles -----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Freestanding: one function, no data, no calls, so that its machine code can
// be copied into a bundle. It follows docs/bundle.md to the letter and looks
// closely at what it is given.
//
//===----------------------------------------------------------------------===//

#include "FakeModel.h"

struct Cache {
  uint64_t pool, table, stride;
};

#define INLINE static inline __attribute__((always_inline))

INLINE void barrier(const uint64_t *frame) {
  int32_t *arrivals = (int32_t *)frame[1];
  int32_t *generation = (int32_t *)(frame[1] + 64);
  int32_t now = __atomic_load_n(generation, __ATOMIC_ACQUIRE);
  if (__atomic_add_fetch(arrivals, 1, __ATOMIC_ACQ_REL) == (int32_t)frame[0]) {
    __atomic_store_n(arrivals, 0, __ATOMIC_RELAXED);
    __atomic_store_n(generation, now + 1, __ATOMIC_RELEASE);
    return;
  }
  for (unsigned polls = 0;
       __atomic_load_n(generation, __ATOMIC_ACQUIRE) == now;)
    if (++polls > 100)
      ((void (*)(void))frame[2])();
}

/// Calls the hook of an instrumented bundle, if the runtime listens.
INLINE void probe(const uint64_t *frame, uint64_t number, uint64_t layer,
                  uint64_t rows, uint64_t address, uint64_t rowBytes) {
  typedef void (*Hook)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                       uint64_t, uint64_t);
  if (frame[22])
    ((Hook)frame[22])(frame[23], number, layer, 0, rows, address, rowBytes);
}

INLINE void complain(uint64_t *errors, uint64_t code) {
  uint64_t none = 0;
  __atomic_compare_exchange_n(errors, &none, code, 0, __ATOMIC_RELAXED,
                              __ATOMIC_RELAXED);
}

INLINE int flushesDenormals(void) {
#if defined(__x86_64__)
  return (__builtin_ia32_stmxcsr() & 0x8040) == 0x8040;
#else
  return 1;
#endif
}

INLINE uint64_t *slot(const struct Cache *cache, int32_t seq, uint64_t position,
                      uint64_t layer) {
  const int32_t *table = (const int32_t *)cache->table;
  int64_t page = table[(uint64_t)seq * cache->stride + position / kFakeSlots];
  if (page < 0)
    return 0;
  return (uint64_t *)(cache->pool + (uint64_t)page * kFakePageBytes) +
         2 * (layer * kFakeSlots + position % kFakeSlots);
}

void step(const uint64_t *frame, uint64_t worker) {
  uint64_t workers = frame[0], rows = frame[4], full = frame[5];
  uint64_t begin = frame[6], end = frame[7], outs = frame[11];
  const uint64_t *weights = (const uint64_t *)frame[3];
  const int32_t *ids = (const int32_t *)frame[8];
  const int32_t *pos = (const int32_t *)frame[9];
  const int32_t *seq = (const int32_t *)frame[10];
  const int32_t *out = (const int32_t *)frame[12];
  const struct Cache *caches = (const struct Cache *)frame[21];
  uint64_t *errors = (uint64_t *)frame[18];
  uint64_t *values = (uint64_t *)(frame[18] + kFakeFixedBytes);
  uint64_t *scratch = (uint64_t *)(frame[20] + worker * kFakeScratchBytes);

  if (worker == 0) {
    errors[0] = 0;
    if (rows == 0 || rows > frame[19] || full > rows || begin >= end ||
        end > kFakeLayers || frame[18] % 64 || frame[20] % 64 ||
        frame[17] % 64 || frame[1] % 64 || (!frame[22] && frame[23]) ||
        (full < rows && begin == 0 && end == 0))
      complain(errors, kFakeBadFrame);
    for (uint64_t o = 0; o < outs; ++o)
      if (out[o] < 0 || (uint64_t)out[o] >= rows ||
          (o && out[o] <= out[o - 1]) ||
          ((uint64_t)out[o] >= full && end != kFakeLayers))
        complain(errors, kFakeBadFrame);
  }
  barrier(frame);
  if (errors[0] == kFakeBadFrame) {
    for (uint64_t o = 0; worker == 0 && o < outs; ++o)
      ((int32_t *)frame[16])[o] = -kFakeBadFrame;
    return;
  }
  if (!flushesDenormals())
    complain(errors, kFakeBadFloats);
  scratch[0] = worker + 1;

  // Rows enter: at layer 0 from their ids, else from the frontier.
  for (uint64_t t = worker; t < rows; t += workers) {
    uint64_t x;
    if (t < full || begin == 0) {
      x = fakeEmbed(ids[t], pos[t]);
      // The second cache has no layers: it keeps the ids.
      const struct Cache *aux = caches + 1;
      int64_t page =
          ((const int32_t *)aux->table)[(uint64_t)seq[t] * aux->stride +
                                        (uint64_t)pos[t] / kFakeAuxSlots];
      uint64_t *kept =
          (uint64_t *)(aux->pool + (uint64_t)page * kFakeAuxPageBytes) +
          (uint64_t)pos[t] % kFakeAuxSlots;
      if (page < 0)
        complain(errors, kFakeBadHistory);
      else if (*kept)
        complain(errors, kFakeDirtyPage);
      else
        *kept = (uint64_t)ids[t] + 1;
    } else {
      const uint32_t *from = (const uint32_t *)frame[17] + t * 32;
      x = from[0] | (uint64_t)from[1] << 32;
      for (uint32_t j = 2; j < kFakeWidth; ++j)
        if (from[j] != (uint32_t)x + j)
          complain(errors, kFakeBadFrontier);
    }
    values[t * 8] = x;
  }

  for (uint64_t layer = 0; layer < kFakeLayers; ++layer) {
    int all = layer >= begin && layer < end;
    for (uint64_t t = worker; t < (all ? rows : full); t += workers) {
      uint64_t *entry = slot(caches, seq[t], (uint64_t)pos[t], layer);
      if (!entry) {
        complain(errors, kFakeBadHistory);
        continue;
      }
      if (entry[0] || entry[1])
        complain(errors, kFakeDirtyPage);
      entry[0] = fakeKey(values[t * 8], layer);
      entry[1] = fakeTag((uint64_t)pos[t], layer);
    }
    barrier(frame);
    for (uint64_t t = worker; t < (all ? rows : full); t += workers) {
      uint64_t x = fakeMix(values[t * 8], weights[layer]);
      for (uint64_t p = 0; p <= (uint64_t)pos[t]; ++p) {
        const uint64_t *entry = slot(caches, seq[t], p, layer);
        if (!entry || entry[1] != fakeTag(p, layer))
          complain(errors, kFakeBadHistory);
        else
          x = fakeMix(x, entry[0]);
      }
      values[t * 8] = x;
    }
    barrier(frame);
    // No row is written before this worker is at the next barrier.
    if (worker == 0)
      probe(frame, 0, layer, all ? rows : full, (uint64_t)values,
            kFakeRowBytes);
  }

  // Rows that do not leave the last layer wait in the frontier.
  for (uint64_t t = worker; t < rows; t += workers) {
    if (t < full || end == kFakeLayers)
      continue;
    uint32_t *to = (uint32_t *)frame[17] + t * 32;
    uint64_t x = values[t * 8];
    to[0] = (uint32_t)x;
    to[1] = (uint32_t)(x >> 32);
    for (uint32_t j = 2; j < kFakeWidth; ++j)
      to[j] = (uint32_t)x + j;
  }
  if (scratch[0] != worker + 1)
    complain(errors, kFakeBadScratch);
  barrier(frame);
  for (uint64_t o = worker; o < outs; o += workers) {
    uint64_t x = values[(uint64_t)out[o] * 8];
    const int64_t *seeds = (const int64_t *)frame[15] + 2 * o;
    float temperature = ((const float *)frame[14])[4 * o];
    float *logits = (float *)frame[13] + o * kFakeStride;
    for (uint64_t token = 0; token < kFakeVocab; ++token)
      logits[token] = fakeLogit(x, token);
    ((int32_t *)frame[16])[o] =
        errors[0] ? -(int32_t)errors[0]
                  : fakeToken(x, temperature, seeds[0], seeds[1]);
  }
  barrier(frame);
  if (worker == 0)
    probe(frame, 1, UINT64_MAX, outs, frame[13], kFakeStride * sizeof(float));
}
