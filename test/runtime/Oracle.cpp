//===- Oracle.cpp - What the fake model must say --------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One request alone, without pages, chunks, steps or threads.
//
//===----------------------------------------------------------------------===//

#include "Oracle.h"
#include "BundleWriter.h"
#include "FakeModel.h"

#include <cstring>

std::vector<uint64_t> fakeRows(const std::vector<int32_t> &ids) {
  std::vector<uint8_t> weights = fakeBundle().weights;
  std::vector<uint64_t> rows;
  for (size_t p = 0; p < ids.size(); ++p)
    rows.push_back(fakeEmbed(ids[p], static_cast<int32_t>(p)));
  for (uint64_t layer = 0; layer < kFakeLayers; ++layer) {
    uint64_t weight;
    memcpy(&weight, weights.data() + 8 * layer, sizeof weight);
    std::vector<uint64_t> next;
    for (size_t p = 0; p < rows.size(); ++p) {
      uint64_t x = fakeMix(rows[p], weight);
      for (size_t q = 0; q <= p; ++q)
        x = fakeMix(x, fakeKey(rows[q], layer));
      next.push_back(x);
    }
    rows = next;
  }
  return rows;
}

std::vector<int32_t> expectedTokens(std::vector<int32_t> ids, uint32_t count,
                                    const tokrt_sampling_t &sampling) {
  size_t prompt = ids.size();
  for (uint32_t i = 0; i < count; ++i) {
    uint64_t last = fakeRows(ids).back();
    ids.push_back(fakeToken(last, sampling.temperature,
                            static_cast<int64_t>(sampling.seed),
                            static_cast<int64_t>(ids.size())));
  }
  ids.erase(ids.begin(), ids.begin() + static_cast<ptrdiff_t>(prompt));
  return ids;
}

std::vector<int32_t> makePrompt(uint32_t seed, size_t length) {
  std::vector<int32_t> ids;
  for (size_t i = 0; i < length; ++i)
    ids.push_back(
        static_cast<int32_t>(fakeMix(seed, i + 7 * seed) % kFakeVocab));
  return ids;
}
