//===- company.cpp - A row's result does not depend on its company --------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs one request alone, in one step, on one thread, and keeps the logits of
// every position. Then it runs the same request among others, in chunks, in
// groups of layers and on more threads, and compares bit by bit. The pages that
// the request holds in every cache when its last token comes are part of what
// is compared; no public function gives them, so the engine's inside is looked
// at.
//
//   company BUNDLE IDS PROMPT_LENGTH LEVEL...
//
// Exit status: 0 all equal, 1 a difference, 2 bad usage or a failing call, 77
// no level can run on this CPU.
//
//===----------------------------------------------------------------------===//

#include "runtime/src/Engine.h"
#include "tokrt/tokrt.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

namespace {

constexpr uint32_t kGenerated = 12;
constexpr uint32_t kStrangers = 16;

struct Case {
  const char *name;
  tokrt_schedule_t schedule;
  uint32_t chunkRows;
  uint32_t groupLayers; // 0: not layered
  uint32_t threads;
  bool company;
};

const Case kAlone = {"alone", TOKRT_SCHEDULE_WHOLE, 0, 0, 1, false};
// Each value of each dimension at least once, and the hard ones together.
const Case kCases[] = {
    {"2 threads", TOKRT_SCHEDULE_WHOLE, 0, 0, 2, false},
    {"3 threads", TOKRT_SCHEDULE_WHOLE, 0, 0, 3, false},
    {"chunks of 1", TOKRT_SCHEDULE_CHUNKED, 1, 0, 2, false},
    {"chunks of 7", TOKRT_SCHEDULE_CHUNKED, 7, 0, 1, false},
    {"chunks of 64", TOKRT_SCHEDULE_CHUNKED, 64, 0, 3, false},
    {"chunks of 512", TOKRT_SCHEDULE_CHUNKED, 512, 0, 2, false},
    {"groups of 1 layer", TOKRT_SCHEDULE_LAYERED, 64, 1, 2, false},
    {"groups of 7 layers", TOKRT_SCHEDULE_LAYERED, 512, 7, 1, false},
    {"one group of all layers", TOKRT_SCHEDULE_LAYERED, 64, UINT32_MAX, 2,
     false},
    {"16 others", TOKRT_SCHEDULE_WHOLE, 0, 0, 2, true},
    {"16 others, chunks of 7", TOKRT_SCHEDULE_CHUNKED, 7, 0, 3, true},
    {"16 others, chunks of 64", TOKRT_SCHEDULE_CHUNKED, 64, 0, 1, true},
    {"16 others, chunks of 64, groups of 7 layers", TOKRT_SCHEDULE_LAYERED, 64,
     7, 2, true},
};

/// The pages of one request in one cache, in the order of its positions.
using CachePages = std::vector<std::vector<uint8_t>>;

/// What is compared: the logits of every position, the tokens drawn, and the
/// caches.
struct Record {
  const tokrt_engine_t *engine = nullptr;
  std::vector<std::vector<float>> logits;
  std::vector<int32_t> tokens;
  std::vector<CachePages> caches;
};

[[noreturn]] void fail(const char *what, const tokrt_error_t &error) {
  std::fprintf(stderr, "error: %s: %s\n", what, error.message);
  std::exit(2);
}

void keepLogits(void *data, tokrt_request_t, uint32_t position,
                const float *logits, size_t count) {
  auto &record = *static_cast<Record *>(data);
  if (record.logits.size() <= position)
    record.logits.resize(position + 1);
  record.logits[position].assign(logits, logits + count);
}

/// Copies the pages that `id` holds; they are given back when it ends.
std::vector<CachePages> copyPages(const tokrt_engine_t &engine,
                                  tokrt_request_t id) {
  auto sequence = static_cast<uint32_t>(engine.find(id)->slot);
  std::vector<CachePages> caches;
  for (size_t c = 0; c < engine.caches.size(); ++c) {
    const tokrt::Pages &pages = engine.caches[c];
    uint64_t bytes = engine.model->manifest.caches[c].pageBytes;
    const int32_t *table =
        pages.table() + uint64_t(sequence) * pages.tableStride();
    CachePages &copy = caches.emplace_back();
    for (uint32_t i = 0; i < pages.held(sequence); ++i) {
      const uint8_t *page = pages.pool() + uint64_t(table[i]) * bytes;
      copy.emplace_back(page, page + bytes);
    }
  }
  return caches;
}

int keepToken(void *data, tokrt_request_t request, int32_t token) {
  auto &record = *static_cast<Record *>(data);
  record.tokens.push_back(token);
  if (record.tokens.size() == kGenerated)
    record.caches = copyPages(*record.engine, request);
  return 0;
}

tokrt_request_t submit(tokrt_engine_t *engine, const int32_t *ids, size_t count,
                       uint32_t maxTokens, Record *record) {
  tokrt_request_params_t params;
  tokrt_request_params_init(&params);
  params.ids = ids;
  params.id_count = count;
  params.max_tokens = maxTokens;
  params.ignore_stop = 1;
  if (record) {
    params.all_logits = 1;
    params.on_logits = keepLogits;
    params.on_token = keepToken;
    params.data = record;
  }
  tokrt_request_t request;
  tokrt_error_t error;
  if (tokrt_engine_submit(engine, &params, &request, &error) != TOKRT_OK)
    fail("submit", error);
  return request;
}

Record run(const tokrt_model_t *model, const Case &c,
           const std::vector<int32_t> &ids, size_t promptLength) {
  tokrt_model_info_t info;
  tokrt_model_info(model, &info);
  tokrt_engine_params_t params;
  tokrt_engine_params_init(&params);
  params.threads = c.threads;
  params.requests = kStrangers + 1;
  params.schedule = c.schedule;
  params.chunk_rows = c.chunkRows;
  params.group_layers =
      c.groupLayers == UINT32_MAX ? info.layers : c.groupLayers;
  // Room for the prompt and all strangers in one step.
  params.step_rows = static_cast<uint32_t>(promptLength) + kStrangers * 64;
  tokrt_engine_t *engine;
  tokrt_error_t error;
  if (tokrt_engine_create(model, &params, &engine, &error) != TOKRT_OK)
    fail("engine", error);

  // Strangers stand before and behind the request and have other lengths, so
  // its rows lie elsewhere in every step and it outlives some of them.
  auto addStrangers = [&](uint32_t begin, uint32_t end) {
    for (uint32_t i = begin; i < end; ++i)
      submit(engine, ids.data() + i * 37, 1 + (i * 11) % 60, 1 + i, nullptr);
  };
  Record record;
  record.engine = engine;
  if (c.company)
    addStrangers(0, kStrangers / 2);
  submit(engine, ids.data(), promptLength, kGenerated, &record);
  if (c.company)
    addStrangers(kStrangers / 2, kStrangers);
  tokrt_step_info_t step;
  do {
    if (tokrt_engine_step(engine, &step, &error) != TOKRT_OK)
      fail("step", error);
  } while (step.rows);
  tokrt_engine_destroy(engine);
  return record;
}

/// Whether a request alone gave all that is to be compared.
bool isWhole(const Record &alone, const tokrt_model_t *model,
             size_t promptLength, const char *level) {
  size_t positions = promptLength + kGenerated - 1;
  if (alone.logits.size() != positions || alone.tokens.size() != kGenerated) {
    std::printf("%s: %zu positions and %zu tokens, expected %zu and %u\n",
                level, alone.logits.size(), alone.tokens.size(), positions,
                kGenerated);
    return false;
  }
  const auto &caches = model->manifest.caches;
  if (alone.caches.size() != caches.size() || caches.empty()) {
    std::printf("%s: pages of %zu caches, expected %zu\n", level,
                alone.caches.size(), caches.size());
    return false;
  }
  for (size_t c = 0; c < caches.size(); ++c) {
    const CachePages &pages = alone.caches[c];
    size_t expected = (positions + caches[c].slots - 1) / caches[c].slots;
    bool written = std::all_of(
        pages.begin(), pages.end(), [](const std::vector<uint8_t> &page) {
          return std::any_of(page.begin(), page.end(),
                             [](uint8_t byte) { return byte != 0; });
        });
    if (pages.size() == expected && written)
      continue;
    std::printf("%s: cache %s: %zu pages%s, expected %zu\n", level,
                caches[c].name.c_str(), pages.size(),
                written ? "" : " and some of them empty", expected);
    return false;
  }
  return true;
}

/// Prints the first byte of a page that differs, if there is one.
bool hasEqualPages(const Record &wanted, const Record &found, const Case &c,
                   const char *level) {
  for (size_t k = 0; k < wanted.caches.size(); ++k) {
    const CachePages &a = wanted.caches[k];
    if (found.caches.size() != wanted.caches.size() ||
        found.caches[k].size() != a.size()) {
      std::printf("%s, %s: cache %zu: another number of pages\n", level, c.name,
                  k);
      return false;
    }
    for (size_t p = 0; p < a.size(); ++p) {
      const std::vector<uint8_t> &b = found.caches[k][p];
      auto [left, right] = std::mismatch(a[p].begin(), a[p].end(), b.begin());
      if (left == a[p].end())
        continue;
      std::printf("%s, %s: cache %zu, page %zu of %zu: byte %td of %zu is "
                  "%02x, alone %02x\n",
                  level, c.name, k, p, a.size(), left - a[p].begin(),
                  a[p].size(), *right, *left);
      return false;
    }
  }
  return true;
}

/// Prints the first difference, if there is one.
bool isEqual(const Record &wanted, const Record &found, const Case &c,
             const char *level) {
  if (found.logits.size() != wanted.logits.size()) {
    std::printf("%s, %s: logits of %zu positions, expected %zu\n", level,
                c.name, found.logits.size(), wanted.logits.size());
    return false;
  }
  for (size_t p = 0; p < wanted.logits.size(); ++p) {
    const std::vector<float> &a = wanted.logits[p], &b = found.logits[p];
    if (a.size() == b.size() &&
        !std::memcmp(a.data(), b.data(), a.size() * sizeof(float)))
      continue;
    size_t i = 0;
    while (i < a.size() && i < b.size() && !std::memcmp(&a[i], &b[i], 4))
      ++i;
    std::printf("%s, %s: position %zu: %zu logits, expected %zu; first "
                "difference at id %zu",
                level, c.name, p, b.size(), a.size(), i);
    if (i < a.size() && i < b.size())
      std::printf(": %.9g, alone %.9g", b[i], a[i]);
    std::printf("\n");
    return false;
  }
  if (found.tokens != wanted.tokens) {
    std::printf("%s, %s: other tokens\n", level, c.name);
    return false;
  }
  return hasEqualPages(wanted, found, c, level);
}

} // namespace

int main(int argc, char **argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: company BUNDLE IDS PROMPT_LENGTH LEVEL...\n");
    return 2;
  }
  std::vector<int32_t> ids;
  std::ifstream file(argv[2]);
  for (int32_t id; file >> id; file.ignore(1, ','))
    ids.push_back(id);
  size_t promptLength = std::strtoul(argv[3], nullptr, 10);
  if (promptLength == 0 || ids.size() < promptLength ||
      ids.size() < kStrangers * 37 + 64) {
    std::fprintf(stderr, "error: %s: has %zu ids, too few\n", argv[2],
                 ids.size());
    return 2;
  }

  int failures = 0, levels = 0;
  for (int i = 4; i < argc; ++i) {
    tokrt_model_params_t params;
    tokrt_model_params_init(&params);
    params.level = argv[i];
    tokrt_model_t *model;
    tokrt_error_t error;
    tokrt_status_t status = tokrt_model_load(argv[1], &params, &model, &error);
    if (status == TOKRT_UNSUPPORTED) {
      std::printf("%s: skipped: %s\n", argv[i], error.message);
      continue;
    }
    if (status != TOKRT_OK)
      fail(argv[i], error);
    ++levels;
    Record alone = run(model, kAlone, ids, promptLength);
    failures += !isWhole(alone, model, promptLength, argv[i]);
    for (const Case &c : kCases)
      failures += !isEqual(alone, run(model, c, ids, promptLength), c, argv[i]);
    tokrt_model_destroy(model);
    std::printf("%s: %zu cases compared with the request alone\n", argv[i],
                sizeof(kCases) / sizeof(kCases[0]));
  }
  return failures ? 1 : levels ? 0 : 77;
}
