//===- Engine.cpp - Running requests over a model -------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything a step needs is allocated here, once. What a step computes is the
// bundle's business: this file moves indices and addresses.
//
//===----------------------------------------------------------------------===//

#include "Engine.h"
#include "ControlGroup.h"
#include "Guard.h"
#include "Params.h"

#include <algorithm>
#include <cinttypes>
#include <cstring>
#include <type_traits>
#include <unistd.h>

using namespace tokrt;

static constexpr uint32_t kMaxThreads = 1024;
static constexpr uint32_t kMaxRequests = 1 << 16;
static constexpr uint32_t kMaxStepRows = 1 << 24;
/// Rows of a step if neither the bundle nor the caller says: enough for full
/// kernel efficiency.
static constexpr uint32_t kDefaultStepRows = 512;

/// Bytes of memory this process may use.
static uint64_t usableMemory() {
  long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
  uint64_t physical = pages > 0 && size > 0 ? static_cast<uint64_t>(pages) *
                                                  static_cast<uint64_t>(size)
                                            : uint64_t(1) << 32;
  return std::min(physical, controlGroupMemory());
}

/// The bundle's schedule with what the caller wants changed.
static SchedulePolicy choosePolicy(const Manifest &manifest,
                                   const tokrt_engine_params_t &params) {
  SchedulePolicy policy;
  policy.kind = params.schedule == TOKRT_SCHEDULE_BUNDLE
                    ? manifest.schedule.kind
                    : params.schedule;
  policy.layers = manifest.layers;
  policy.requests = params.requests;
  policy.stepRows = params.step_rows;
  if (!policy.stepRows && policy.kind == TOKRT_SCHEDULE_WHOLE)
    policy.stepRows = manifest.context + params.requests;
  if (!policy.stepRows)
    policy.stepRows = manifest.schedule.budget;
  if (!policy.stepRows)
    policy.stepRows = kDefaultStepRows;
  // With a row for every running request, no decode ever waits for another.
  policy.requests = std::min(policy.requests, policy.stepRows);
  policy.chunkRows = params.chunk_rows ? params.chunk_rows : policy.stepRows;
  policy.groups = manifest.schedule.groups;
  if (params.group_layers || policy.groups.empty()) {
    uint32_t size = params.group_layers ? params.group_layers : policy.layers;
    policy.groups.clear();
    for (uint32_t begin = 0; begin < policy.layers;) {
      uint32_t end = begin + std::min(size, policy.layers - begin);
      policy.groups.emplace_back(begin, end);
      begin = end;
    }
  }
  return policy;
}

/// Bytes of the pages that hold `positions` positions in every cache, for
/// sequences that fill their pages.
static uint64_t cacheBytesFor(const Manifest &manifest, uint64_t positions) {
  uint64_t sum = 0;
  for (const ManifestCache &cache : manifest.caches) {
    uint64_t bytes;
    if (!mulOk(ceilDiv(positions, cache.slots), cache.pageBytes, &bytes) ||
        !addOk(sum, bytes, &sum))
      return UINT64_MAX;
  }
  return sum;
}

/// Makes the pools. Every cache gets pages for equally many positions, so that
/// none runs dry before the others.
static tokrt_status_t createCaches(tokrt_engine_t &engine, uint64_t limit,
                                   tokrt_error_t *error) {
  const Manifest &manifest = engine.model->manifest;
  uint32_t sequences = engine.policy.requests;
  uint64_t most = 0; // positions that are of use, whole pages counted
  for (const ManifestCache &cache : manifest.caches)
    most = std::max(most, ceilDiv(manifest.context, cache.slots) * cache.slots *
                              sequences);
  if (!limit)
    limit = std::min(cacheBytesFor(manifest, most), usableMemory() / 2);
  uint64_t fits = 0, beyond = most + 1;
  while (beyond - fits > 1) {
    uint64_t middle = fits + (beyond - fits) / 2;
    (cacheBytesFor(manifest, middle) <= limit ? fits : beyond) = middle;
  }
  if (fits == 0 && !manifest.caches.empty())
    return fail(error, TOKRT_EXHAUSTED,
                "%s: cache_bytes: found %" PRIu64 ", expected at least the "
                "%" PRIu64 " of one page; raise the limit",
                engine.model->path.c_str(), limit, cacheBytesFor(manifest, 1));
  engine.cacheLimit = limit;
  for (const ManifestCache &cache : manifest.caches) {
    uint64_t pages =
        std::min(ceilDiv(fits, cache.slots),
                 ceilDiv(manifest.context, cache.slots) * sequences);
    Pages next;
    if (pages > INT32_MAX ||
        !next.create(cache.slots, cache.pageBytes, static_cast<uint32_t>(pages),
                     sequences, manifest.context))
      return fail(error, TOKRT_OUT_OF_MEMORY,
                  "%s: cache \"%.64s\": no address space for %" PRIu64
                  " pages of %" PRIu64 " bytes; lower cache_bytes",
                  engine.model->path.c_str(), cache.name.c_str(), pages,
                  cache.pageBytes);
    engine.caches.push_back(std::move(next));
  }
  return TOKRT_OK;
}

/// Makes the arrays that have one element a row, behind the barrier's lines.
static bool createColumns(tokrt_engine_t &engine) {
  uint64_t rows = engine.policy.stepRows;
  uint64_t narrow = alignUp(rows * sizeof(int32_t), kLine);
  uint64_t wide = alignUp(rows * 4 * sizeof(float), kLine);
  constexpr uint64_t kBarrierBytes = 2 * kLine;
  if (!engine.columns.reserve(kBarrierBytes + 5 * narrow + 2 * wide))
    return false;
  uint8_t *next = engine.columns.data() + kBarrierBytes;
  for (int32_t **column :
       {&engine.ids, &engine.pos, &engine.seq, &engine.out, &engine.tokens}) {
    *column = reinterpret_cast<int32_t *>(next);
    next += narrow;
  }
  engine.sampling = reinterpret_cast<float *>(next);       // [rows, 4]
  engine.seeds = reinterpret_cast<int64_t *>(next + wide); // [rows, 2]
  return true;
}

static uint64_t address(const void *pointer) {
  return reinterpret_cast<uint64_t>(pointer);
}

/// Makes the big buffers. Their sizes come from the manifest, so none is
/// trusted to be sane.
static bool createBuffers(tokrt_engine_t &engine) {
  const Manifest &manifest = engine.model->manifest;
  uint64_t rows = engine.policy.stepRows;
  uint64_t logits, frontier, workspace, scratch;
  engine.frontierStride = alignUp(manifest.width, 16) * sizeof(float);
  // Twice the rows, so that a chunk stays where it is while the number of full
  // rows before it changes from step to step.
  return mulOk(rows, manifest.logitsStride * sizeof(float), &logits) &&
         mulOk(2 * rows, engine.frontierStride, &frontier) &&
         mulOk(rows, manifest.rowBytes, &workspace) &&
         addOk(workspace, manifest.fixedBytes, &workspace) &&
         mulOk(engine.workers.size(), manifest.scratchBytes, &scratch) &&
         engine.logits.reserve(logits) && engine.frontier.reserve(frontier) &&
         engine.workspace.reserve(workspace, /*huge=*/true) &&
         engine.scratch.reserve(scratch);
}

static void fillFrame(tokrt_engine_t &engine) {
  for (Pages &pages : engine.caches)
    engine.frameCaches.push_back(
        {address(pages.pool()), address(pages.table()), pages.tableStride()});
  uint64_t *frame = engine.frame;
  frame[kWorkers] = engine.workers.size();
  frame[kBarrier] = address(engine.columns.data());
  frame[kYield] = reinterpret_cast<uint64_t>(&yieldCpu);
  frame[kWeights] = address(engine.model->weights.data());
  frame[kIds] = address(engine.ids);
  frame[kPos] = address(engine.pos);
  frame[kSeq] = address(engine.seq);
  frame[kOut] = address(engine.out);
  frame[kLogits] = address(engine.logits.data());
  frame[kSampling] = address(engine.sampling);
  frame[kSeeds] = address(engine.seeds);
  frame[kTokens] = address(engine.tokens);
  frame[kWorkspace] = address(engine.workspace.data());
  frame[kCapacity] = engine.policy.stepRows;
  frame[kScratch] = address(engine.scratch.data());
  frame[kCaches] = address(engine.frameCaches.data());
  if (engine.probes.active()) {
    frame[kInstrument] = reinterpret_cast<uint64_t>(&Probes::hook);
    frame[kInstrumentData] = address(&engine.probes);
  }
}

static tokrt_status_t checkParams(const tokrt_engine_params_t &params,
                                  tokrt_error_t *error) {
  // C callers may have put any number there, which no C++ enum may hold.
  std::underlying_type_t<tokrt_schedule_t> schedule;
  static_assert(sizeof schedule == sizeof params.schedule);
  memcpy(&schedule, &params.schedule, sizeof schedule);
  struct {
    const char *name;
    uint32_t value, least, most;
  } const limits[] = {
      {"threads", params.threads, 0, kMaxThreads},
      {"requests", params.requests, 1, kMaxRequests},
      {"step_rows", params.step_rows, 0, kMaxStepRows},
      {"schedule", schedule, 0, TOKRT_SCHEDULE_LAYERED},
  };
  for (const auto &limit : limits)
    if (limit.value < limit.least || limit.value > limit.most)
      return fail(error, TOKRT_INVALID_ARGUMENT,
                  "tokrt_engine_create: %s: found %u, expected %u to %u",
                  limit.name, limit.value, limit.least, limit.most);
  return TOKRT_OK;
}

/// Makes the engine of parameters that are known to be sane.
static tokrt_status_t create(const tokrt_model_t *model,
                             const tokrt_engine_params_t &params,
                             tokrt_engine_t **out_engine,
                             tokrt_error_t *error) {
  auto engine = std::make_unique<tokrt_engine_t>();
  engine->model = model;
  engine->trace = params.trace;
  engine->traceData = params.trace_data;
  engine->policy = choosePolicy(model->manifest, params);
  if (params.probe)
    engine->probes.create(model, params.probe, params.probe_data,
                          engine->policy.stepRows);
  uint32_t threads =
      params.threads ? params.threads : std::min(usableCpus(), kMaxThreads);
  if (!engine->workers.start(threads))
    return fail(error, TOKRT_OUT_OF_MEMORY,
                "%s: the system refuses to start %u threads; ask for fewer",
                model->path.c_str(), threads);
  if (auto status = createCaches(*engine, params.cache_bytes, error))
    return status;
  if (!createColumns(*engine) || !createBuffers(*engine))
    return fail(
        error, TOKRT_OUT_OF_MEMORY,
        "%s: no address space for the buffers of %u rows a step (%" PRIu64
        " bytes of workspace a row); lower step_rows",
        model->path.c_str(), engine->policy.stepRows, model->manifest.rowBytes);
  fillFrame(*engine);
  engine->schedule.create(engine->policy, engine->caches);
  // A chunk and the decodes beside it are different requests.
  engine->plan.parts.reserve(engine->policy.requests);
  engine->parts.reserve(engine->policy.requests);
  engine->outputs.reserve(engine->policy.stepRows);
  *out_engine = engine.release();
  return TOKRT_OK;
}

tokrt_status_t tokrt_engine_create(const tokrt_model_t *model,
                                   const tokrt_engine_params_t *params,
                                   tokrt_engine_t **out_engine,
                                   tokrt_error_t *error) {
  if (!model || !out_engine)
    return fail(error, TOKRT_INVALID_ARGUMENT,
                "tokrt_engine_create: found a null pointer, expected a model "
                "and a place for the engine");
  tokrt_engine_params_t known;
  if (auto status =
          readParams("tokrt_engine_create", tokrt_engine_params_init_sized,
                     params, &known, error))
    return status;
  if (!model->step)
    return fail(error, TOKRT_INVALID_ARGUMENT,
                "%s: was loaded to be described only; load it to run",
                model->path.c_str());
  if (auto status = checkParams(known, error))
    return status;
  if (known.probe && model->manifest.probes.empty())
    return fail(error, TOKRT_INVALID_ARGUMENT,
                "%s: manifest key probes: found nothing, expected an "
                "instrumented bundle to look into; compile the model with "
                "tokopt-compile --instrument",
                model->path.c_str());
  return guarded(error, model->path.c_str(),
                 [&] { return create(model, known, out_engine, error); });
}

void tokrt_engine_destroy(tokrt_engine_t *engine) { delete engine; }

void tokrt_engine_info(const tokrt_engine_t *engine,
                       tokrt_engine_info_t *out_info) {
  *out_info = {};
  out_info->threads = engine->workers.size();
  out_info->requests = engine->policy.requests;
  out_info->step_rows = engine->policy.stepRows;
  out_info->cache_bytes = engine->cacheLimit;
  for (const Pages &pages : engine->caches)
    out_info->cache_bytes_used += pages.bytesUsed();
}
