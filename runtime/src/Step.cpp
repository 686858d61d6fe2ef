//===- Step.cpp - One step ------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Packs the rows that the schedule chose, calls the bundle's entry, and hands
// out what it wrote. Nothing here allocates.
//
//===----------------------------------------------------------------------===//

#include "Engine.h"
#include "Error.h"

#include <algorithm>
#include <cstring>

using namespace tokrt;

/// Writes the columns of the plan's rows, and lists those that ask for logits.
static void packRows(tokrt_engine_t &engine) {
  const Plan &plan = engine.plan;
  bool leaves = plan.layerEnd == engine.policy.layers;
  uint32_t row = 0;
  engine.outputs.clear();
  engine.parts.clear();
  engine.probes.beginStep(plan.rows, engine.pos);
  for (const Part &part : plan.parts) {
    Request &request = *part.request;
    engine.parts.push_back({request.id, part.position, part.rows, part.full});
    for (uint32_t i = 0; i < part.rows; ++i, ++row) {
      uint32_t position = part.position + i;
      engine.ids[row] = request.ids[position];
      engine.pos[row] = static_cast<int32_t>(position);
      engine.seq[row] = request.slot;
      if (!(part.full || leaves) || !request.wantsLogits(position))
        continue;
      size_t o = engine.outputs.size();
      const tokrt_sampling_t &sampling = request.sampling;
      engine.out[o] = static_cast<int32_t>(row);
      float *values = engine.sampling + 4 * o;
      values[0] = sampling.temperature;
      values[1] = static_cast<float>(sampling.top_k);
      values[2] = sampling.top_p;
      values[3] = sampling.min_p;
      // The draw is counted by position, so that it stays the same if the
      // request has to be read again.
      engine.seeds[2 * o] = static_cast<int64_t>(sampling.seed);
      engine.seeds[2 * o + 1] = position + 1;
      engine.outputs.push_back({&request, position});
      if (engine.probes.active())
        engine.probes.addOutput(static_cast<int32_t>(position));
    }
  }
}

static void fillInfo(const tokrt_engine_t &engine, tokrt_step_info_t *info) {
  const Plan &plan = engine.plan;
  *info = {};
  info->index = engine.steps;
  info->rows = plan.rows;
  info->full_rows = plan.fullRows;
  info->layer_begin = plan.layerBegin;
  info->layer_end = plan.layerEnd;
  info->outputs = static_cast<uint32_t>(engine.outputs.size());
  info->running = engine.schedule.running();
  info->waiting = engine.schedule.waiting();
  info->parts = engine.parts.data();
  info->part_count = static_cast<uint32_t>(engine.parts.size());
}

static void runStep(tokrt_engine_t &engine) {
  const Plan &plan = engine.plan;
  uint64_t *frame = engine.frame;
  frame[kRows] = plan.rows;
  frame[kFullRows] = plan.fullRows;
  frame[kLayerBegin] = plan.layerBegin;
  frame[kLayerEnd] = plan.layerEnd;
  frame[kOuts] = engine.outputs.size();
  // The frontier of the first row behind the full ones is always in the middle
  // of the buffer; what is before it belongs to full rows, which have none.
  frame[kFrontier] =
      reinterpret_cast<uint64_t>(engine.frontier.data()) +
      (engine.policy.stepRows - plan.fullRows) * engine.frontierStride;
  if (engine.probes.active())
    engine.probes.startClock();
  engine.workers.run(engine.model->step, frame);
}

void tokrt_engine_s::finish(Request &request, tokrt_finish_t reason) {
  Schedule::Dropped gap = schedule.remove(&request);
  if (gap.rows) {
    // Close the gap in the frontier of the chunk it leaves.
    uint8_t *first = frontier.data() +
                     (uint64_t(policy.stepRows) + gap.first) * frontierStride;
    uint64_t behind = gap.total - gap.first - gap.rows;
    memmove(first, first + gap.rows * frontierStride, behind * frontierStride);
  }
  request.finish = reason;
  if (request.onFinish)
    request.onFinish(request.data, request.id, reason);
}

void tokrt_engine_s::accept(Request &request, int32_t token) {
  if (std::find(request.stop.begin(), request.stop.end(), token) !=
      request.stop.end())
    return finish(request, TOKRT_FINISH_STOP);
  if (request.onToken && request.onToken(request.data, request.id, token))
    return finish(request, TOKRT_FINISH_STOP);
  request.ids.push_back(token);
  if (request.cancelled)
    return;
  if (request.generated() == request.maxTokens)
    return finish(request, TOKRT_FINISH_LENGTH);
  if (request.length() > model->manifest.context)
    return finish(request, TOKRT_FINISH_CONTEXT);
  for (const Pages &pages : caches)
    if (pages.pagesFor(request.length()) > pages.pageCount())
      return finish(request, TOKRT_FINISH_CACHE);
}

/// Hands out logits and tokens.
static tokrt_status_t deliver(tokrt_engine_t &engine, tokrt_error_t *error) {
  const Manifest &manifest = engine.model->manifest;
  const float *logits = reinterpret_cast<float *>(engine.logits.data());
  for (size_t o = 0; o < engine.outputs.size(); ++o) {
    auto [request, position] = engine.outputs[o];
    if (request->cancelled || request->finish != TOKRT_FINISH_NONE)
      continue;
    request->logitsFrom = position + 1;
    if (request->onLogits)
      request->onLogits(request->data, request->id, position,
                        logits + o * manifest.logitsStride, manifest.vocab);
    if (request->cancelled || position + 1 != request->length())
      continue;
    if (request->maxTokens == 0) {
      engine.finish(*request, TOKRT_FINISH_LENGTH);
      continue;
    }
    int32_t token = engine.tokens[o];
    // It comes back as an index into the embedding.
    if (token < 0 || static_cast<uint32_t>(token) >= manifest.vocab)
      return fail(error, TOKRT_INVALID_FILE,
                  "%s: entry step: found token %d drawn, expected one of the "
                  "%u of the vocabulary; compile the model again",
                  engine.model->path.c_str(), token, manifest.vocab);
    engine.accept(*request, token);
  }
  // Prompts that nobody draws from.
  for (const Part &part : engine.plan.parts) {
    Request &request = *part.request;
    if (request.finish == TOKRT_FINISH_NONE && !request.cancelled &&
        request.maxTokens == 0 && request.pending() == 0)
      engine.finish(request, TOKRT_FINISH_LENGTH);
  }
  // What callbacks cancelled, which may be any request; ending one may call
  // back again.
  while (engine.cancels) {
    engine.cancels = 0;
    for (const auto &request : engine.requests)
      if (request->cancelled && request->finish == TOKRT_FINISH_NONE)
        engine.finish(*request, TOKRT_FINISH_CANCEL);
  }
  return TOKRT_OK;
}

tokrt_status_t tokrt_engine_step(tokrt_engine_t *engine,
                                 tokrt_step_info_t *out_info,
                                 tokrt_error_t *error) {
  if (!engine || !out_info || engine->stepping)
    return fail(error, TOKRT_INVALID_ARGUMENT,
                "tokrt_engine_step: a null pointer, or called from a callback");
  if (engine->broken)
    return fail(error, TOKRT_INVALID_FILE,
                "%s: an earlier step failed; load a sound bundle",
                engine->model->path.c_str());
  engine->schedule.plan(engine->plan);
  packRows(*engine);
  tokrt_step_info_t info;
  fillInfo(*engine, &info);
  if (info.rows == 0) {
    *out_info = info;
    return TOKRT_OK;
  }
  engine->stepping = true;
  if (engine->trace)
    engine->trace(engine->traceData, &info);
  runStep(*engine);
  engine->schedule.commit(engine->plan);
  tokrt_status_t status = engine->probes.endStep(error);
  if (status == TOKRT_OK)
    status = deliver(*engine, error);
  engine->stepping = false;
  if (status != TOKRT_OK) {
    engine->broken = true;
    return status;
  }
  ++engine->steps;
  info.running = engine->schedule.running();
  info.waiting = engine->schedule.waiting();
  *out_info = info;
  return TOKRT_OK;
}
