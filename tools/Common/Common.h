//===- Common.h - What the programs over the runtime share ------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOOLS_COMMON_COMMON_H_
#define TOOLS_COMMON_COMMON_H_

#include "tools/Common/Program.h"

#include "tokrt/text.h"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tools {

/// Token ids out of `text`: numbers with spaces or a comma between them, a JSON
/// array, or a JSON object with the array under `ids`. `source` is for
/// messages.
std::vector<int32_t> parseIds(const std::string &text,
                              const std::string &source);

/// The first bytes of `text` for a message, whatever they are.
std::string excerpt(const std::string &text);

/// Milliseconds since it was made.
class Stopwatch {
public:
  double milliseconds() const {
    return std::chrono::duration<double, std::milli>(Clock::now() - start)
        .count();
  }

private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start = Clock::now();
};

template <typename T, void (*Destroy)(T *)>
struct Destroyer {
  void operator()(T *object) const { Destroy(object); }
};
using ModelPtr = std::unique_ptr<tokrt_model_t,
                                 Destroyer<tokrt_model_t, tokrt_model_destroy>>;
using EnginePtr =
    std::unique_ptr<tokrt_engine_t,
                    Destroyer<tokrt_engine_t, tokrt_engine_destroy>>;
using TextPtr =
    std::unique_ptr<tokrt_text_t, Destroyer<tokrt_text_t, tokrt_text_destroy>>;
using TextStreamPtr =
    std::unique_ptr<tokrt_text_stream_t,
                    Destroyer<tokrt_text_stream_t, tokrt_text_stream_destroy>>;

/// How to load a bundle and run it; the options are the same in every program.
struct LoadOptions {
  std::string bundle;
  std::optional<std::string> level;
  bool copyWeights = false;
  bool verify = false;
  uint32_t threads = 0;
  uint64_t cacheLimit = 0;
  tokrt_schedule_t schedule = TOKRT_SCHEDULE_BUNDLE;
  uint32_t stepRows = 0, chunkRows = 0, groupLayers = 0;
  bool traceSteps = false;

  void addTo(CLI::App &app);
};

/// `level` is as in `tokrt_model_params_t`.
ModelPtr loadModel(const LoadOptions &options, const std::string &path,
                   std::optional<std::string> level);
/// An engine for one request; `stepRows` holds unless the command line says
/// otherwise. `probe` hears the probes of an instrumented bundle.
EnginePtr createEngine(const LoadOptions &options, const tokrt_model_t *model,
                       uint32_t stepRows = 0, tokrt_probe_fn probe = nullptr,
                       void *probeData = nullptr);

/// What to do with the logits behind a position; valid during the call.
using OnLogits =
    std::function<void(uint32_t position, const float *logits, size_t vocab)>;
/// Reads `ids` and generates nothing; gives the logits of every position, in
/// order.
void readLogits(tokrt_engine_t *engine, const std::vector<int32_t> &ids,
                const OnLogits &onLogits);

/// The bundle's tokenizer, made when it is first asked for: a program that is
/// given ids starts without it.
class Text {
public:
  /// `path` is the bundle's, for messages.
  Text(const tokrt_model_t *model, std::string path)
      : model(model), path(std::move(path)) {}

  const tokrt_text_t *get();
  /// Warns on the standard error of bytes that the vocabulary has no token for.
  std::vector<int32_t> encode(const std::string &text, bool parseSpecial);
  std::string applyChat(const std::string &prompt);
  /// The tokens that end a reply.
  std::vector<int32_t> stops();
  /// The bytes that a token stands for; none for one that the tokenizer does
  /// not have.
  std::string tokenBytes(int32_t id);
  /// Gives text token by token; control tokens are left out.
  TextStreamPtr stream();
  /// Valid UTF-8, control tokens left out.
  std::string decode(const std::vector<int32_t> &ids);

private:
  void warnOfLoss(const std::string &text, const std::vector<int32_t> &ids,
                  bool parseSpecial);

  const tokrt_model_t *model;
  std::string path;
  TextPtr text;
};

} // namespace tools

#endif // TOOLS_COMMON_COMMON_H_
