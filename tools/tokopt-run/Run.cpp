//===- Run.cpp - One prompt, from ids or text to tokens -------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Options.h"

#include <algorithm>
#include <nlohmann/json.hpp>

using namespace tools;
using Json = nlohmann::ordered_json;

namespace {

/// What the callbacks of the request collect.
struct Output {
  std::vector<int32_t> ids;
  std::vector<std::pair<int32_t, float>> firstLogits; // best first
  double firstTokenMs = 0; // since the request was submitted
  tokrt_finish_t finish = TOKRT_FINISH_NONE;

  uint32_t topLogits = 0;
  Stopwatch sinceSubmit;
  tokrt_text_stream_t *stream = nullptr; // null: nothing is printed meanwhile
};

void print(const char *bytes, size_t size) {
  fwrite(bytes, 1, size, stdout);
  fflush(stdout);
}

void onToken(void *data, tokrt_request_t, int32_t token) {
  auto *output = static_cast<Output *>(data);
  if (output->ids.empty())
    output->firstTokenMs = output->sinceSubmit.milliseconds();
  output->ids.push_back(token);
  const char *bytes;
  size_t size;
  if (output->stream && tokrt_text_stream_push(output->stream, token, &bytes,
                                               &size, nullptr) == TOKRT_OK)
    print(bytes, size);
}

void onLogits(void *data, tokrt_request_t, uint32_t, const float *logits,
              size_t count) {
  auto *output = static_cast<Output *>(data);
  if (!output->firstLogits.empty())
    return;
  std::vector<int32_t> order(count);
  for (size_t i = 0; i < count; ++i)
    order[i] = static_cast<int32_t>(i);
  size_t top = std::min<size_t>(output->topLogits, count);
  auto better = [logits](int32_t a, int32_t b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  };
  std::partial_sort(order.begin(), order.begin() + static_cast<ptrdiff_t>(top),
                    order.end(), better);
  for (size_t i = 0; i < top; ++i)
    output->firstLogits.emplace_back(order[i], logits[order[i]]);
}

void onFinish(void *data, tokrt_request_t, tokrt_finish_t finish) {
  static_cast<Output *>(data)->finish = finish;
}

std::vector<int32_t> promptIds(const RunOptions &options, Text &text) {
  if (options.ids)
    return parseIds(*options.ids, "--ids");
  if (options.idsFile)
    return parseIds(readFile(*options.idsFile), *options.idsFile);
  std::string prompt =
      options.prompt ? *options.prompt : readFile(*options.promptFile);
  if (!options.raw)
    prompt = text.applyChat(prompt);
  return text.encode(prompt, /*parseSpecial=*/true);
}

void printTokens(const RunOptions &options, Text &text) {
  std::string input =
      options.tokenize ? *options.tokenize : readFile(*options.tokenizeFile);
  std::vector<int32_t> ids = text.encode(input, /*parseSpecial=*/false);
  if (options.json) {
    puts(Json{{"ids", ids}}.dump().c_str());
    return;
  }
  for (size_t i = 0; i < ids.size(); ++i)
    printf("%s%d", i ? ", " : "", ids[i]);
  printf("\n");
}

void generate(const RunOptions &options, const tokrt_model_t *model, Text &text,
              const Stopwatch &sinceStart) {
  EnginePtr engine = createEngine(options.load, model);
  double loadMs = sinceStart.milliseconds();
  std::vector<int32_t> prompt = promptIds(options, text);
  std::vector<int32_t> stops;
  if (!options.ignoreEos)
    stops = text.stops();

  Output output;
  output.topLogits = options.topLogits;
  std::unique_ptr<tokrt_text_stream_t,
                  Destroyer<tokrt_text_stream_t, tokrt_text_stream_destroy>>
      stream;
  tokrt_error_t error;
  if (!options.json) {
    check(tokrt_text_stream_create(text.get(), /*show_control=*/0,
                                   &output.stream, &error),
          error);
    stream.reset(output.stream);
  }
  tokrt_request_params_t params;
  tokrt_request_params_init(&params);
  params.ids = prompt.data();
  params.id_count = prompt.size();
  params.max_tokens = options.maxTokens;
  params.sampling = options.sampling;
  if (options.greedy)
    params.sampling.temperature = 0;
  params.stop = stops.data();
  params.stop_count = stops.size();
  params.on_token = onToken;
  params.on_logits = options.topLogits ? onLogits : nullptr;
  params.on_finish = onFinish;
  params.data = &output;
  output.sinceSubmit = Stopwatch();
  tokrt_request_t request;
  check(tokrt_engine_submit(engine.get(), &params, &request, &error), error);
  while (output.finish == TOKRT_FINISH_NONE) {
    tokrt_step_info_t step;
    check(tokrt_engine_step(engine.get(), &step, &error), error);
  }
  double allMs = output.sinceSubmit.milliseconds();
  double prefillMs = output.ids.empty() ? allMs : output.firstTokenMs;
  double decodeMs = allMs - prefillMs;
  // The first token belongs to the prompt's time.
  double rate = output.ids.size() > 1 && decodeMs > 0
                    ? double(output.ids.size() - 1) * 1000 / decodeMs
                    : 0;
  if (!options.json) {
    const char *bytes;
    size_t size;
    check(tokrt_text_stream_finish(stream.get(), &bytes, &size, &error), error);
    print(bytes, size);
    print("\n", 1);
    fflush(stdout);
    for (auto [id, logit] : output.firstLogits)
      fprintf(stderr, "logit %d %.6f\n", id, double(logit));
    fprintf(stderr,
            "loaded in %.1f ms; %zu prompt tokens in %.1f ms; %zu tokens, "
            "%.1f a second; ended by %s\n",
            loadMs, prompt.size(), prefillMs, output.ids.size(), rate,
            tokrt_finish_string(output.finish));
    return;
  }
  Json result{{"ids", output.ids},
              {"text", text.decode(output.ids)},
              {"prompt_tokens", prompt.size()},
              {"prefill_ms", prefillMs},
              {"decode_ms", decodeMs},
              {"decode_tokens_per_s", rate},
              {"load_ms", loadMs},
              {"finish", tokrt_finish_string(output.finish)}};
  if (options.topLogits)
    result["first_logits"] = output.firstLogits;
  puts(result.dump().c_str());
}

} // namespace

void run(const RunOptions &options) {
  Stopwatch sinceStart;
  ModelPtr model =
      loadModel(options.load, options.load.bundle, options.load.level);
  Text text(model.get(), options.load.bundle);
  if (options.tokenizes())
    return printTokens(options, text);
  if (options.generates())
    return generate(options, model.get(), text, sinceStart);
  // --verify alone: whoever came here has passed.
  if (options.json)
    puts(Json{{"verified", true}}.dump().c_str());
  else
    printf("%s: the weights are as the manifest says\n",
           options.load.bundle.c_str());
}
