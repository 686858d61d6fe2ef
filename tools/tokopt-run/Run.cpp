//===- Run.cpp - One prompt, from ids or text to tokens -------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Goldens.h"
#include "Profile.h"
#include "ValueDump.h"

#include <algorithm>
#include <nlohmann/json.hpp>

using namespace tools;
using Json = nlohmann::ordered_json;

namespace {

void print(const char *bytes, size_t size) {
  fwrite(bytes, 1, size, stdout);
  fflush(stdout);
}

/// Collects what the request's callbacks give, and prints text as it comes.
///
/// The tokenizer is asked for only behind the first token: for a prompt of ids
/// that is the first time anybody needs it, and the first token comes sooner.
class Output {
public:
  Output(const RunOptions &options, Text &text)
      : options(options), text(text) {}

  std::vector<int32_t> ids;
  std::vector<std::pair<int32_t, float>> firstLogits; // best first
  tokrt_finish_t finish = TOKRT_FINISH_NONE;
  double prefillMs = 0;   // from submission to the first token
  double tokenizerMs = 0; // to make the tokenizer, within the time of decoding
  std::optional<BadInput> error; // what went wrong in a callback

  void begin() { sinceSubmit = Stopwatch(); }
  double elapsedMs() const { return sinceSubmit.milliseconds(); }
  uint32_t topLogits() const { return options.topLogits; }

  /// Whether the request ends here.
  bool addToken(int32_t token) {
    if (!started)
      start();
    if (std::find(stops.begin(), stops.end(), token) != stops.end())
      return true;
    ids.push_back(token);
    const char *bytes;
    size_t size;
    tokrt_error_t message;
    if (stream) {
      check(
          tokrt_text_stream_push(stream.get(), token, &bytes, &size, &message),
          message);
      print(bytes, size);
    }
    return false;
  }
  /// Prints what the text's last characters held back.
  void end() {
    const char *bytes;
    size_t size;
    tokrt_error_t message;
    if (!stream)
      return;
    check(tokrt_text_stream_finish(stream.get(), &bytes, &size, &message),
          message);
    print(bytes, size);
  }

private:
  void start() {
    started = true;
    prefillMs = elapsedMs();
    if (!options.ignoreEos)
      stops = text.stops();
    if (!options.json)
      stream = text.stream();
    tokenizerMs = elapsedMs() - prefillMs;
  }

  const RunOptions &options;
  Text &text;
  Stopwatch sinceSubmit;
  bool started = false;
  std::vector<int32_t> stops;
  TextStreamPtr stream; // null: nothing is printed meanwhile
};

int onToken(void *data, tokrt_request_t, int32_t token) {
  auto *output = static_cast<Output *>(data);
  // The runtime is built without exceptions, so none may pass through it.
  try {
    return output->addToken(token);
  } catch (const BadInput &error) {
    output->error = error;
    return 1;
  }
}

/// Keeps the K largest of the first logits.
void onLogits(void *data, tokrt_request_t, uint32_t, const float *logits,
              size_t count) {
  auto *output = static_cast<Output *>(data);
  if (!output->firstLogits.empty())
    return;
  output->firstLogits = bestLogits(logits, count, output->topLogits());
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

/// Runs the request to its end.
void generate(const RunOptions &options, tokrt_engine_t *engine,
              const std::vector<int32_t> &prompt, Output &output) {
  tokrt_request_params_t params;
  tokrt_request_params_init(&params);
  params.ids = prompt.data();
  params.id_count = prompt.size();
  params.max_tokens = options.maxTokens;
  params.sampling = options.sampling;
  if (options.greedy)
    params.sampling.temperature = 0;
  params.on_token = onToken;
  params.on_logits = options.topLogits ? onLogits : nullptr;
  params.on_finish = onFinish;
  params.data = &output;
  output.begin();
  tokrt_request_t request;
  tokrt_error_t error;
  check(tokrt_engine_submit(engine, &params, &request, &error), error);
  while (output.finish == TOKRT_FINISH_NONE) {
    tokrt_step_info_t step;
    check(tokrt_engine_step(engine, &step, &error), error);
  }
  if (output.error)
    throw *output.error;
}

/// What is done with the events of an instrumented bundle.
struct Observers {
  std::optional<ValueDump> dump;
  std::optional<Profile> profile;
  bool listening = false; // not while warming up

  bool any() const { return dump || profile; }
};

void onProbe(void *data, const tokrt_probe_event_t *event) {
  auto *observers = static_cast<Observers *>(data);
  if (!observers->listening)
    return;
  if (observers->profile)
    observers->profile->add(*event);
  if (observers->dump)
    observers->dump->add(*event);
}

/// Runs the prompt once with no one to hear it, so that the memory of a step is
/// there and the weights are mapped.
void warmUp(const RunOptions &options, tokrt_engine_t *engine,
            const std::vector<int32_t> &prompt) {
  tokrt_request_params_t params;
  tokrt_request_params_init(&params);
  params.ids = prompt.data();
  params.id_count = prompt.size();
  params.max_tokens = 1;
  tokrt_finish_t finish = TOKRT_FINISH_NONE;
  params.on_finish = [](void *data, tokrt_request_t, tokrt_finish_t finish) {
    *static_cast<tokrt_finish_t *>(data) = finish;
  };
  params.data = &finish;
  tokrt_request_t request;
  tokrt_error_t error;
  check(tokrt_engine_submit(engine, &params, &request, &error), error);
  while (finish == TOKRT_FINISH_NONE) {
    tokrt_step_info_t step;
    check(tokrt_engine_step(engine, &step, &error), error);
  }
}

void runPrompt(const RunOptions &options, const tokrt_model_t *model,
               Text &text, const Stopwatch &sinceStart) {
  Observers observers;
  if (options.dumpValues)
    observers.dump.emplace(model, options.load.bundle, *options.dumpValues);
  if (options.profile)
    observers.profile.emplace(model);
  EnginePtr engine =
      createEngine(options.load, model, /*stepRows=*/0,
                   observers.any() ? onProbe : nullptr, &observers);
  double loadMs = sinceStart.milliseconds();
  std::vector<int32_t> prompt = promptIds(options, text);
  if (options.warmUp)
    warmUp(options, engine.get(), prompt);
  Output output(options, text);
  observers.listening = true;
  generate(options, engine.get(), prompt, output);
  double allMs = output.elapsedMs();
  if (observers.dump)
    observers.dump->finish();
  double prefillMs = output.prefillMs ? output.prefillMs : allMs;
  double decodeMs = allMs - prefillMs - output.tokenizerMs;
  // The first token belongs to the prompt's time.
  double rate = output.ids.size() > 1 && decodeMs > 0
                    ? double(output.ids.size() - 1) * 1000 / decodeMs
                    : 0;
  if (options.json) {
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
    if (observers.profile)
      result["profile"] = observers.profile->toJson();
    puts(result.dump().c_str());
    return;
  }
  output.end();
  print("\n", 1);
  for (auto [id, logit] : output.firstLogits)
    fprintf(stderr, "logit %d %.6f\n", id, double(logit));
  fprintf(stderr,
          "loaded in %.1f ms; %zu prompt token%s in %.1f ms; %zu token%s, ",
          loadMs, prompt.size(), prompt.size() == 1 ? "" : "s", prefillMs,
          output.ids.size(), output.ids.size() == 1 ? "" : "s");
  if (output.ids.size() > 1) // the first comes with the prompt
    fprintf(stderr, "%.1f a second; ", rate);
  fprintf(stderr, "ended by %s\n", tokrt_finish_string(output.finish));
  if (observers.profile)
    observers.profile->print(stderr);
}

} // namespace

void run(const RunOptions &options) {
  Stopwatch sinceStart;
  ModelPtr model =
      loadModel(options.load, options.load.bundle, options.load.level);
  Text text(model.get(), options.load.bundle);
  if (options.load.verify)
    replayGoldens(options, model.get());
  if (options.printGoldens)
    return printGoldens(options, model.get(), promptIds(options, text));
  if (options.tokenizes())
    return printTokens(options, text);
  if (options.generates())
    runPrompt(options, model.get(), text, sinceStart);
}
