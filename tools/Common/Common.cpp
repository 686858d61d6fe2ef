//===- Common.cpp - What the programs over the runtime share --------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Common.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cinttypes>
#include <cstring>
#include <exception>
#include <nlohmann/json.hpp>

using namespace tools;

/// A number that is a token id, or nothing.
static std::optional<int32_t> tokenId(const nlohmann::json &value) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() > INT32_MAX)
    return std::nullopt;
  return value.get<int32_t>();
}

static std::vector<int32_t> parseJsonIds(const std::string &text,
                                         const std::string &source) {
  auto root = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto &list =
      root.is_object() && root.contains("ids") ? root["ids"] : root;
  if (!list.is_array())
    throw BadInput{source + ": ids: found JSON without them, expected an array "
                            "of token ids or an object with one under \"ids\""};
  std::vector<int32_t> ids;
  for (size_t i = 0; i < list.size(); ++i) {
    std::optional<int32_t> id = tokenId(list[i]);
    if (!id)
      throw BadInput{source + ": ids[" + std::to_string(i) +
                     "]: expected a token id, a whole number from 0"};
    ids.push_back(*id);
  }
  return ids;
}

std::string tools::excerpt(const std::string &text) {
  std::string out = "\"";
  for (unsigned char c : text.substr(0, 12)) {
    char code[5];
    snprintf(code, sizeof code, c < 32 || c > 126 ? "\\x%02x" : "%c", c);
    out += code;
  }
  return out + "\"";
}

std::vector<int32_t> tools::parseIds(const std::string &text,
                                     const std::string &source) {
  const char *kSpace = " \t\r\n";
  size_t start = text.find_first_not_of(kSpace);
  if (start != std::string::npos && (text[start] == '{' || text[start] == '['))
    return parseJsonIds(text, source);
  std::vector<int32_t> ids;
  const char *next = text.c_str(), *end = next + text.size();
  auto isSpace = [&](char c) { return c && strchr(kSpace, c); };
  auto skipSpace = [&] {
    while (next != end && isSpace(*next))
      ++next;
  };
  // A comma stands between two ids: where there is none beside it, one was
  // lost.
  bool comma = false;
  for (skipSpace(); comma || next != end; skipSpace()) {
    errno = 0;
    char *after = nullptr;
    long long id = next == end ? -1 : strtoll(next, &after, 10);
    if (after == next || errno || id < 0 || id > INT32_MAX ||
        (after != end && *after != ',' && !isSpace(*after)))
      throw BadInput{source + ": ids: found " + excerpt({next, end}) +
                     " at byte " + std::to_string(next - text.c_str()) +
                     ", expected a token id, a whole number from 0"};
    ids.push_back(static_cast<int32_t>(id));
    next = after;
    skipSpace();
    comma = next != end && *next == ',';
    next += comma;
  }
  return ids;
}

/// The same for bytes, with a unit behind the number that is read later.
static CLI::Validator wholeBytes() {
  return CLI::Validator(
      [](std::string &text) -> std::string {
        std::string unit = text;
        std::optional<uint64_t> value = takeNumber(unit);
        if (!value || std::any_of(unit.begin(), unit.end(),
                                  [](unsigned char c) { return !isalpha(c); }))
          return refuseNumber(text, 0, UINT64_MAX);
        text = std::to_string(*value) + unit;
        return "";
      },
      "");
}

void LoadOptions::addTo(CLI::App &app) {
  app.add_option("bundle", bundle, "The file that tokopt-compile wrote")
      ->required()
      ->option_text("BUNDLE");
  auto *group = app.add_option_group("Loading and scheduling");
  group
      ->add_option("--threads", threads,
                   "Worker threads (default: one for "
                   "each CPU this process may use)")
      ->transform(wholeNumber(1, 1024))
      ->option_text("N");
  group
      ->add_option("--level", level,
                   "Take this ISA level of the bundle "
                   "(default: TOKOPT_LEVEL, or the best)")
      ->option_text("NAME");
  group->add_flag("--copy-weights", copyWeights,
                  "Read the weights into huge pages instead of mapping them");
  group->add_flag("--verify", verify, "Check the hash of the weights, too");
  group
      ->add_option("--cache-limit", cacheLimit,
                   "Limit of the cache in bytes (k, m, g allowed)")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false))
      ->transform(wholeBytes()) // comes first
      ->option_text("BYTES");
  static const std::map<std::string, tokrt_schedule_t> kinds{
      {"bundle", TOKRT_SCHEDULE_BUNDLE},
      {"whole", TOKRT_SCHEDULE_WHOLE},
      {"chunked", TOKRT_SCHEDULE_CHUNKED},
      {"layered", TOKRT_SCHEDULE_LAYERED}};
  group
      ->add_option_function<std::string>(
          "--schedule",
          [this](const std::string &name) { schedule = kinds.at(name); },
          "Override the bundle's schedule; no result changes")
      ->check(CLI::IsMember({"bundle", "whole", "chunked", "layered"}))
      ->option_text("bundle|whole|chunked|layered");
  group->add_option("--step-rows", stepRows, "Rows a step may have")
      ->transform(wholeNumber(1, 1 << 24))
      ->option_text("N");
  group->add_option("--chunk-rows", chunkRows, "Rows of one request in a step")
      ->transform(wholeNumber(1, 1 << 24))
      ->option_text("N");
  group
      ->add_option("--group-layers", groupLayers,
                   "Layers of a group of the layered schedule")
      ->transform(wholeNumber(1, 1 << 16))
      ->option_text("N");
  group->add_flag("--trace-steps", traceSteps,
                  "Print each step before it runs on the standard error");
}

ModelPtr tools::loadModel(const LoadOptions &options, const std::string &path,
                          std::optional<std::string> level) {
  tokrt_model_params_t params;
  tokrt_model_params_init(&params);
  params.level = level ? level->c_str() : nullptr;
  params.copy_weights = options.copyWeights;
  params.verify_weights = options.verify;
  tokrt_model_t *model;
  tokrt_error_t error;
  check(tokrt_model_load(path.c_str(), &params, &model, &error), error);
  return ModelPtr(model);
}

static void printStep(void *, const tokrt_step_info_t *step) {
  fprintf(stderr,
          "step %" PRIu64 ": rows %u, full_rows %u, layers [%u, %u), "
          "outputs %u:",
          step->index, step->rows, step->full_rows, step->layer_begin,
          step->layer_end, step->outputs);
  for (uint32_t i = 0; i < step->part_count; ++i) {
    const tokrt_step_part_t &part = step->parts[i];
    fprintf(stderr, " request %" PRIu64 " %s [%u, %u)", part.request,
            part.full ? "full" : "part", part.position,
            part.position + part.rows);
  }
  fprintf(stderr, "\n");
}

EnginePtr tools::createEngine(const LoadOptions &options,
                              const tokrt_model_t *model, uint32_t stepRows,
                              tokrt_probe_fn probe, void *probeData) {
  tokrt_engine_params_t params;
  tokrt_engine_params_init(&params);
  params.threads = options.threads;
  params.requests = 1;
  params.step_rows = options.stepRows ? options.stepRows : stepRows;
  params.cache_bytes = options.cacheLimit;
  params.schedule = options.schedule;
  params.chunk_rows = options.chunkRows;
  params.group_layers = options.groupLayers;
  params.trace = options.traceSteps ? printStep : nullptr;
  params.probe = probe;
  params.probe_data = probeData;
  tokrt_engine_t *engine;
  tokrt_error_t error;
  check(tokrt_engine_create(model, &params, &engine, &error), error);
  return EnginePtr(engine);
}

void tools::readLogits(tokrt_engine_t *engine, const std::vector<int32_t> &ids,
                       const OnLogits &onLogits) {
  struct Call {
    const OnLogits &onLogits;
    tokrt_finish_t finish;
    std::exception_ptr failure;
  } call{onLogits, TOKRT_FINISH_NONE, nullptr};
  tokrt_request_params_t params;
  tokrt_request_params_init(&params);
  params.ids = ids.data();
  params.id_count = ids.size();
  params.max_tokens = 0;
  params.all_logits = 1;
  params.on_logits = [](void *data, tokrt_request_t, uint32_t position,
                        const float *logits, size_t count) {
    auto *call = static_cast<Call *>(data);
    // The runtime is built without exceptions, so none may pass through it.
    try {
      if (!call->failure)
        call->onLogits(position, logits, count);
    } catch (...) {
      call->failure = std::current_exception();
    }
  };
  params.on_finish = [](void *data, tokrt_request_t, tokrt_finish_t finish) {
    static_cast<Call *>(data)->finish = finish;
  };
  params.data = &call;
  tokrt_request_t request;
  tokrt_error_t error;
  check(tokrt_engine_submit(engine, &params, &request, &error), error);
  while (call.finish == TOKRT_FINISH_NONE && !call.failure) {
    tokrt_step_info_t step;
    check(tokrt_engine_step(engine, &step, &error), error);
  }
  if (call.failure)
    std::rethrow_exception(call.failure);
  if (call.finish != TOKRT_FINISH_LENGTH)
    throw BadInput{std::string("the prompt was not read to its end: ") +
                   tokrt_finish_string(call.finish)};
}

const tokrt_text_t *Text::get() {
  if (text)
    return text.get();
  const void *metadata;
  size_t size;
  tokrt_model_metadata(model, &metadata, &size);
  tokrt_text_t *created;
  tokrt_error_t error;
  // The library does not know the file that the records came from.
  if (tokrt_text_create(metadata, size, &created, &error) != TOKRT_OK)
    throw BadInput{path + ": section .tok.metadata: " + error.message};
  text.reset(created);
  return created;
}

std::vector<int32_t> Text::encode(const std::string &bytes, bool parseSpecial) {
  int32_t *ids;
  size_t count;
  tokrt_error_t error;
  check(tokrt_text_encode(get(), bytes.data(), bytes.size(), parseSpecial, &ids,
                          &count, &error),
        error);
  std::vector<int32_t> out(ids, ids + count);
  tokrt_text_free(ids);
  warnOfLoss(bytes, out, parseSpecial);
  return out;
}

std::string Text::tokenBytes(int32_t id) {
  const char *bytes;
  size_t size;
  tokrt_error_t error;
  if (static_cast<size_t>(id) >= tokrt_text_token_count(get()))
    return "";
  check(tokrt_text_decode_token(get(), id, &bytes, &size, &error), error);
  return std::string(bytes, size);
}

void Text::warnOfLoss(const std::string &bytes, const std::vector<int32_t> &ids,
                      bool parseSpecial) {
  // Tokens stand for the text in its order, and the lost bytes between them.
  std::string missing;
  size_t position = 0, first = 0;
  auto lose = [&](size_t end) {
    if (missing.empty())
      first = position;
    missing.append(bytes, position, end - position);
  };
  for (size_t i = 0; i < ids.size(); ++i) {
    std::string token = tokenBytes(ids[i]);
    // The beginning of a sequence, which stands for no text.
    if (i == 0 && tokrt_text_is_control(get(), ids[i]) &&
        !(parseSpecial && bytes.compare(0, token.size(), token) == 0))
      continue;
    size_t at = bytes.find(token, position);
    if (at == std::string::npos)
      return; // no vocabulary of this kind
    lose(at);
    position = at + token.size();
  }
  lose(bytes.size());
  if (!missing.empty())
    fprintf(stderr,
            "warning: %s: the vocabulary has no tokens for %zu bytes of the "
            "text, the first at offset %zu: %s; they are left out, as in "
            "training\n",
            path.c_str(), missing.size(), first,
            tools::excerpt(missing).c_str());
}

std::string Text::applyChat(const std::string &prompt) {
  char *bytes;
  size_t size;
  tokrt_error_t error;
  // The library's strings end at a zero byte: the rest would be dropped.
  if (size_t offset = prompt.find('\0'); offset != std::string::npos)
    throw BadInput{"prompt: found a zero byte at offset " +
                   std::to_string(offset) +
                   ", expected text for the chat template; take it out, or "
                   "give --raw"};
  check(tokrt_text_apply_chat(get(), prompt.c_str(), &bytes, &size, &error),
        error);
  std::string out(bytes, size);
  tokrt_text_free(bytes);
  return out;
}

std::vector<int32_t> Text::stops() {
  const int32_t *ids;
  size_t count;
  tokrt_text_eos(get(), &ids, &count);
  return {ids, ids + count};
}

TextStreamPtr Text::stream() {
  tokrt_text_stream_t *stream;
  tokrt_error_t error;
  check(tokrt_text_stream_create(get(), /*show_control=*/0, &stream, &error),
        error);
  return TextStreamPtr(stream);
}

std::string Text::decode(const std::vector<int32_t> &ids) {
  TextStreamPtr owner = stream();
  std::string out;
  const char *bytes;
  size_t size;
  tokrt_error_t error;
  for (int32_t id : ids) {
    check(tokrt_text_stream_push(owner.get(), id, &bytes, &size, &error),
          error);
    out.append(bytes, size);
  }
  check(tokrt_text_stream_finish(owner.get(), &bytes, &size, &error), error);
  return out.append(bytes, size);
}
