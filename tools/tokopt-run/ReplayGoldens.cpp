//===- ReplayGoldens.cpp - Does a bundle give its goldens here? -----------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each level runs the sequences twice: in steps of many rows, as prompts are
// read, and of one row, as tokens are generated. Those are different kernels.
//
//===----------------------------------------------------------------------===//

#include "Goldens.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <numeric>

using namespace tools;
using Json = nlohmann::ordered_json;

namespace {

/// A way to cut a sequence into steps.
struct Cut {
  const char *name;
  bool singly;
};
constexpr Cut kCuts[] = {{"in steps of many rows", false},
                         {"in steps of one row", true}};

/// A single logit may be off by so many times the tolerance, which is about the
/// root mean square of all (docs/bundle.md).
constexpr double kSingle = 4;

/// Compares what one level computes with the goldens.
class Replay {
public:
  Replay(const RunOptions &options, const tokrt_model_t *model,
         const Json &goldens)
      : options(options), model(model), goldens(goldens),
        tolerance(goldens["tolerance"]) {
    tokrt_model_info(model, &info);
  }

  /// The largest root mean square of the differences of a sequence, each as a
  /// share of the logits' own.
  double largest = 0;

  void run() {
    for (const Cut &cut : kCuts) {
      LoadOptions load = options.load;
      if (cut.singly) {
        load.schedule = TOKRT_SCHEDULE_CHUNKED;
        load.chunkRows = 1;
      }
      EnginePtr engine = createEngine(load, model);
      for (size_t s = 0; s < goldens["sequences"].size(); ++s)
        runSequence(engine.get(), cut, s);
    }
  }

private:
  void runSequence(tokrt_engine_t *engine, const Cut &cut, size_t number) {
    const Json &sequence = goldens["sequences"][number];
    const Json &outputs = sequence["outputs"];
    std::string name = "goldens.sequences[" + std::to_string(number) + "]";
    size_t next = 0; // positions come in ascending order
    squares = count = 0;
    readLogits(
        engine, sequence["ids"].get<std::vector<int32_t>>(),
        [&](uint32_t position, const float *logits, size_t vocab) {
          if (next == outputs.size() || outputs[next]["position"] != position)
            return;
          where = name + ".outputs[" + std::to_string(next) + "]: position " +
                  std::to_string(position) + ", " + cut.name;
          compare(outputs[next], logits, vocab);
          ++next;
        });
    double spread = std::sqrt(squares / count);
    largest = std::max(largest, spread);
    if (spread <= tolerance)
      return;
    where = name + ": " + cut.name;
    char numbers[160];
    snprintf(numbers, sizeof numbers,
             "found logits that differ from each other's by %.3g of their root "
             "mean square, expected at most %g",
             spread, tolerance);
    fail(numbers);
  }

  void compare(const Json &output, const float *logits, size_t vocab) {
    double rms = output["rms"], bound = kSingle * tolerance * rms;
    std::vector<int32_t> ids;
    std::vector<double> differences;
    double lowest = INFINITY;
    for (const Json &pair : output["logits"]) {
      int32_t id = pair[0];
      double expected = pair[1], found = double(logits[id]);
      double difference = std::fabs(found - expected);
      // Written so that NaN fails.
      if (!(difference <= bound))
        fail(id, found, expected, bound);
      differences.push_back((found - expected) / rms);
      ids.push_back(id);
      lowest = std::min(lowest, expected);
    }
    // What all have in common changes no probability.
    double mean = std::accumulate(differences.begin(), differences.end(), 0.0) /
                  double(differences.size());
    for (double difference : differences)
      squares += (difference - mean) * (difference - mean);
    count += double(differences.size());
    // What the goldens do not list was below all that they do.
    for (size_t id = 0; id < vocab; ++id)
      if (!(double(logits[id]) <= lowest + bound) &&
          std::find(ids.begin(), ids.end(), static_cast<int32_t>(id)) ==
              ids.end())
        fail(static_cast<int32_t>(id), double(logits[id]), lowest, bound,
             "at most ");
  }

  [[noreturn]] void fail(int32_t id, double found, double expected,
                         double bound, const char *most = "") const {
    char numbers[160];
    snprintf(numbers, sizeof numbers,
             "found %.6g as the logit of id %d, expected %s%.6g within %.3g",
             found, id, most, expected, bound);
    fail(numbers);
  }

  [[noreturn]] void fail(const std::string &numbers) const {
    throw BadInput{options.load.bundle + ": level " + info.level + ": " +
                   where + ": " + numbers +
                   "; this level's code does not compute the model here: "
                   "compile it again, or take another level with --level"};
  }

  const RunOptions &options;
  const tokrt_model_t *model;
  const Json &goldens;
  const double tolerance;
  tokrt_model_info_t info;
  std::string where;             // what is compared
  double squares = 0, count = 0; // of a sequence's differences
};

/// The extensions that `level` needs and this CPU lacks.
std::string missingHere(const Json &level) {
  std::string missing;
  for (const Json &feature : level["features"])
    if (!tokrt_cpu_has(feature.get_ref<const std::string &>().c_str()))
      missing += " " + feature.get<std::string>();
  return missing;
}

/// Whether the user named the level to take.
bool namesLevel(const RunOptions &options) {
  if (options.load.level)
    return !options.load.level->empty();
  const char *level = getenv("TOKOPT_LEVEL");
  return level && *level;
}

} // namespace

void replayGoldens(const RunOptions &options, const tokrt_model_t *model) {
  const std::string &bundle = options.load.bundle;
  tokrt_model_info_t info;
  tokrt_model_info(model, &info);
  const char *text;
  size_t size;
  tokrt_model_manifest(model, &text, &size);
  Json manifest = Json::parse(text, text + size); // the loader has checked it
  Json report{{"verified", true}, {"levels", Json::array()}};
  // Whoever asks for something else has the output to himself.
  bool alone = !options.generates() && !options.tokenizes();
  auto say = [&](const std::string &line) {
    if (alone && !options.json)
      printf("%s: %s\n", bundle.c_str(), line.c_str());
  };
  say("the weights are as the manifest says");
  bool one = namesLevel(options);
  for (const Json &level : manifest["levels"]) {
    std::string name = level["name"];
    if (!manifest.contains("goldens") || (one && name != info.level))
      continue;
    if (std::string missing = missingHere(level); !missing.empty()) {
      say("level " + name + ": not replayed, this CPU lacks" + missing);
      continue;
    }
    LoadOptions load = options.load;
    load.verify = false; // the weights are the same for all levels
    ModelPtr other = loadModel(load, bundle, name);
    Replay replay(options, other.get(), manifest["goldens"]);
    replay.run();
    char line[160];
    snprintf(line, sizeof line,
             "gives the goldens; differences are %.2g of the logits' root mean "
             "square, at most %g",
             replay.largest, manifest["goldens"]["tolerance"].get<double>());
    say("level " + name + ": " + line);
    report["levels"].push_back(
        {{"name", name}, {"difference", replay.largest}});
  }
  if (!manifest.contains("goldens"))
    say("has no goldens to replay; compile it with --goldens to have some");
  if (alone && options.json)
    puts(report.dump().c_str());
}
