//===- Requests.cpp - Submitting, ending and asking for requests ----------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Engine.h"
#include "Guard.h"
#include "Params.h"

#include <algorithm>
#include <cinttypes>
#include <cmath>
#include <memory>

using namespace tokrt;

Request *tokrt_engine_s::find(tokrt_request_t id) const {
  auto it =
      std::lower_bound(requests.begin(), requests.end(), id,
                       [](const std::unique_ptr<Request> &request,
                          tokrt_request_t id) { return request->id < id; });
  return it != requests.end() && (*it)->id == id ? it->get() : nullptr;
}

static tokrt_status_t checkSampling(const tokrt_sampling_t &sampling,
                                    tokrt_error_t *error) {
  struct {
    const char *name;
    float value, most;
  } const limits[] = {{"temperature", sampling.temperature, 1e6f},
                      {"top_p", sampling.top_p, 1},
                      {"min_p", sampling.min_p, 1}};
  // Written so that NaN fails.
  for (const auto &limit : limits)
    if (!(limit.value >= 0 && limit.value <= limit.most))
      return fail(error, TOKRT_INVALID_ARGUMENT,
                  "request: sampling.%s: found %g, expected 0 to %g",
                  limit.name, double(limit.value), double(limit.most));
  // It travels as f32.
  constexpr uint32_t kMaxTopK = 1 << 24;
  if (sampling.top_k > kMaxTopK)
    return fail(error, TOKRT_INVALID_ARGUMENT,
                "request: sampling.top_k: found %u, expected 0 to %u",
                sampling.top_k, kMaxTopK);
  return TOKRT_OK;
}

static tokrt_status_t checkPrompt(const tokrt_engine_t &engine,
                                  const tokrt_request_params_t &params,
                                  tokrt_error_t *error) {
  const Manifest &manifest = engine.model->manifest;
  const char *path = engine.model->path.c_str();
  if (params.id_count == 0)
    return fail(error, TOKRT_INVALID_ARGUMENT,
                "%s: prompt: found no tokens, expected at least one", path);
  if (params.id_count > manifest.context)
    return fail(error, TOKRT_INVALID_ARGUMENT,
                "%s: prompt: found %zu tokens, expected at most the %u of the "
                "model's context; shorten the prompt",
                path, params.id_count, manifest.context);
  for (size_t i = 0; i < params.id_count; ++i)
    if (params.ids[i] < 0 ||
        static_cast<uint32_t>(params.ids[i]) >= manifest.vocab)
      return fail(error, TOKRT_INVALID_ARGUMENT,
                  "%s: prompt: found id %d at %zu, expected ids below the %u "
                  "of the vocabulary; use the tokenizer of this model",
                  path, params.ids[i], i, manifest.vocab);
  auto length = static_cast<uint32_t>(params.id_count);
  for (const Pages &pages : engine.caches)
    if (pages.pagesFor(length) > pages.pageCount())
      return fail(error, TOKRT_EXHAUSTED,
                  "%s: prompt: found %u tokens, expected what the cache limit "
                  "of %" PRIu64 " bytes holds; raise cache_bytes or shorten "
                  "the prompt",
                  path, length, engine.cacheLimit);
  return TOKRT_OK;
}

static std::unique_ptr<Request>
makeRequest(const tokrt_engine_t &engine,
            const tokrt_request_params_t &params) {
  auto request = std::make_unique<Request>();
  // The longest it can get: one token may be drawn behind a full context.
  uint64_t most = std::min(uint64_t(engine.model->manifest.context) + 1,
                           uint64_t(params.id_count) + params.max_tokens);
  request->ids.reserve(most);
  request->ids.assign(params.ids, params.ids + params.id_count);
  request->prompt = static_cast<uint32_t>(params.id_count);
  request->maxTokens = params.max_tokens;
  request->sampling = params.sampling;
  if (!params.ignore_stop)
    request->stop.assign(params.stop, params.stop + params.stop_count);
  request->allLogits = params.all_logits;
  request->logitsFrom = params.logits_from;
  request->onToken = params.on_token;
  request->onLogits = params.on_logits;
  request->onFinish = params.on_finish;
  request->data = params.data;
  return request;
}

/// Makes room for another element, so that `push_back` cannot fail.
template <typename T>
static void reserveOneMore(std::vector<T> &vector) {
  if (vector.size() == vector.capacity())
    vector.reserve(2 * vector.size() + 8);
}

tokrt_status_t tokrt_engine_submit(tokrt_engine_t *engine,
                                   const tokrt_request_params_t *from,
                                   tokrt_request_t *out_request,
                                   tokrt_error_t *error) {
  if (!engine || !from || !out_request || engine->stepping)
    return fail(error, TOKRT_INVALID_ARGUMENT,
                "tokrt_engine_submit: a null pointer, or called from a "
                "callback");
  tokrt_request_params_t params;
  if (auto status =
          readParams("tokrt_engine_submit", tokrt_request_params_init_sized,
                     from, &params, error))
    return status;
  if ((params.id_count && !params.ids) || (params.stop_count && !params.stop))
    return fail(error, TOKRT_INVALID_ARGUMENT,
                "tokrt_engine_submit: found a null pointer, expected %s",
                params.id_count && !params.ids ? "ids" : "stop");
  if (auto status = checkPrompt(*engine, params, error))
    return status;
  if (auto status = checkSampling(params.sampling, error))
    return status;
  return guarded(error, engine->model->path.c_str(), [&] {
    std::unique_ptr<Request> request = makeRequest(*engine, params);
    // What may fail comes before the first change of the engine.
    reserveOneMore(engine->requests);
    engine->schedule.add(request.get());
    *out_request = request->id = engine->nextId++;
    engine->requests.push_back(std::move(request));
    return TOKRT_OK;
  });
}

void tokrt_engine_cancel(tokrt_engine_t *engine, tokrt_request_t id) {
  Request *request = engine->find(id);
  if (!request || request->finish != TOKRT_FINISH_NONE)
    return;
  if (!engine->stepping)
    return engine->finish(*request, TOKRT_FINISH_CANCEL);
  request->cancelled = true;
  ++engine->cancels;
}

tokrt_status_t tokrt_engine_request(const tokrt_engine_t *engine,
                                    tokrt_request_t id,
                                    tokrt_request_info_t *out_info,
                                    tokrt_error_t *error) {
  if (!engine || !out_info)
    return fail(error, TOKRT_INVALID_ARGUMENT,
                "tokrt_engine_request: found a null pointer, expected an "
                "engine and a place for what it says");
  const Request *request = engine->find(id);
  if (!request)
    return fail(error, TOKRT_INVALID_ARGUMENT,
                "request: found no %" PRIu64 ", expected one that was "
                "submitted and not released",
                id);
  *out_info = {};
  out_info->finish = request->finish;
  out_info->running = request->running();
  out_info->prompt_tokens = request->prompt;
  out_info->cached = request->cached;
  out_info->tokens = request->ids.data() + request->prompt;
  out_info->token_count = request->generated();
  return TOKRT_OK;
}

void tokrt_engine_release(tokrt_engine_t *engine, tokrt_request_t id) {
  if (engine->stepping)
    return;
  tokrt_engine_cancel(engine, id);
  auto &requests = engine->requests;
  requests.erase(std::remove_if(requests.begin(), requests.end(),
                                [id](const std::unique_ptr<Request> &request) {
                                  return request->id == id;
                                }),
                 requests.end());
}
