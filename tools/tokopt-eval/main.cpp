//===- main.cpp - Scores a compiled model on a text -----------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One context, every position: the mean negative log-likelihood of the text's
// own tokens, and, against a reference, how far the predictions are apart. Both
// models advance chunk by chunk side by side, so that no more than one chunk's
// logits are kept.
//
//===----------------------------------------------------------------------===//

#include "Scores.h"
#include "tools/Common/Common.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

using namespace tools;

namespace {

/// Rows of a step: enough for the kernels, little enough for the logits.
constexpr uint32_t kStepRows = 128;

struct EvalOptions {
  LoadOptions load;
  std::optional<std::string> text, idsFile, reference;
  size_t tokens = 0;
  size_t skip = 0;
  bool json = false;

  void addTo(CLI::App &app) {
    load.addTo(app);
    auto *input = app.add_option_group("Input", "One of");
    input->add_option("--text", text, "Score this file's text")
        ->option_text("FILE");
    input->add_option("--ids-file", idsFile, "Score these token ids")
        ->option_text("FILE");
    input->require_option(1);
    app.add_option("--tokens", tokens, "Take only the first N tokens")
        ->check(CLI::Range(int64_t(1), int64_t(INT32_MAX)))
        ->option_text("N");
    app.add_option("--skip", skip, "Score only positions after M")
        ->check(CLI::Range(int64_t(0), int64_t(INT32_MAX)))
        ->option_text("M");
    app.add_option("--reference", reference,
                   "Compare the predictions with this bundle's")
        ->option_text("BUNDLE");
    app.add_flag("--json", json, "Print one JSON object");
    app.set_version_flag("--version", "tokopt-eval " TOKOPT_VERSION);
  }
};

/// A model that reads the ids and keeps the logits it has not been asked for.
class Reader {
public:
  Reader(const EvalOptions &options, const std::string &path,
         std::optional<std::string> level)
      : model(loadModel(options.load, path, std::move(level))),
        engine(createEngine(options.load, model.get(), kStepRows)) {
    tokrt_model_info(model.get(), &info);
  }

  /// Reads `ids`; logits are wanted from position `from` on.
  void submit(const std::vector<int32_t> &ids, size_t from) {
    first = from;
    tokrt_request_params_t params;
    tokrt_request_params_init(&params);
    params.ids = ids.data();
    params.id_count = ids.size();
    params.max_tokens = 0;
    params.all_logits = 1;
    params.logits_from = static_cast<uint32_t>(from);
    params.on_logits = [](void *data, tokrt_request_t, uint32_t,
                          const float *logits, size_t count) {
      auto *reader = static_cast<Reader *>(data);
      reader->kept.insert(reader->kept.end(), logits, logits + count);
    };
    params.data = this;
    tokrt_request_t request;
    tokrt_error_t error;
    check(tokrt_engine_submit(engine.get(), &params, &request, &error), error);
  }

  /// The log-probabilities after `position`; positions are asked for in order.
  std::vector<double> logProbabilitiesAt(size_t position) {
    while (position >= first + kept.size() / info.vocab) {
      first += kept.size() / info.vocab;
      kept.clear();
      tokrt_step_info_t step;
      tokrt_error_t error;
      check(tokrt_engine_step(engine.get(), &step, &error), error);
    }
    return logProbabilities(kept.data() + (position - first) * info.vocab,
                            info.vocab);
  }

  const tokrt_model_t *get() const { return model.get(); }
  tokrt_model_info_t info;

private:
  ModelPtr model;
  EnginePtr engine;
  std::vector<float> kept; // [positions from `first`, vocab]
  size_t first = 0;
};

std::vector<int32_t> readIds(const EvalOptions &options, Reader &reader) {
  std::vector<int32_t> ids =
      options.idsFile ? parseIds(readFile(*options.idsFile), *options.idsFile)
                      : Text(reader.get(), options.load.bundle)
                            .encode(readFile(*options.text),
                                    /*parseSpecial=*/false);
  if (options.tokens && ids.size() > options.tokens)
    ids.resize(options.tokens);
  const std::string &source =
      options.idsFile ? *options.idsFile : *options.text;
  if (ids.size() < 2 || ids.size() - 1 <= options.skip)
    throw BadInput{source + ": found " + std::to_string(ids.size()) +
                   " tokens, expected at least " +
                   std::to_string(options.skip + 2) +
                   " to score one; give more text or a smaller --skip"};
  return ids;
}

std::string sourceHash(const tokrt_model_t *model) {
  const char *text;
  size_t size;
  tokrt_model_manifest(model, &text, &size);
  // The loader has checked it.
  return nlohmann::json::parse(text, text + size)["source"]["hash"];
}

/// Refuses a reference whose ids mean other tokens. One model may be in several
/// files, rounded more or less, so it is the tokens that are compared.
void checkVocabulary(const EvalOptions &options, const Reader &subject,
                     const Reader &reference) {
  const std::string &path = *options.reference;
  if (reference.info.vocab != subject.info.vocab)
    throw BadInput{path + ": manifest key model.vocab: found " +
                   std::to_string(reference.info.vocab) + ", expected the " +
                   std::to_string(subject.info.vocab) + " of " +
                   options.load.bundle + "; compare bundles of one model"};
  if (sourceHash(reference.get()) == sourceHash(subject.get()))
    return;
  Text ours(subject.get(), options.load.bundle), theirs(reference.get(), path);
  for (uint32_t id = 0; id < subject.info.vocab; ++id)
    if (std::string expected = ours.tokenBytes(static_cast<int32_t>(id)),
        found = theirs.tokenBytes(static_cast<int32_t>(id));
        found != expected)
      throw BadInput{path + ": token " + std::to_string(id) + ": found " +
                     tools::quoted(found) + ", expected the " +
                     tools::quoted(expected) + " of " + options.load.bundle +
                     "; compare bundles of one vocabulary"};
}

void evaluate(const EvalOptions &options) {
  Reader subject(options, options.load.bundle, options.load.level);
  std::optional<Reader> reference;
  // TOKOPT_LEVEL and --level are about the subject.
  if (options.reference)
    reference.emplace(options, *options.reference, "");
  if (reference)
    checkVocabulary(options, subject, *reference);
  std::vector<int32_t> ids = readIds(options, subject);
  subject.submit(ids, options.skip);
  if (reference)
    reference->submit(ids, options.skip);

  Scores scores;
  // The last position predicts a token that nobody knows.
  for (size_t position = options.skip; position + 1 < ids.size(); ++position) {
    std::vector<double> logp = subject.logProbabilitiesAt(position);
    scores.add(logp, ids[position + 1]);
    if (reference)
      scores.compare(reference->logProbabilitiesAt(position), logp);
  }
  if (!std::isfinite(scores.nll()))
    throw BadInput{options.load.bundle + ": logits: found some that are not "
                                         "finite; the bundle is broken"};
  nlohmann::ordered_json result{{"nll", scores.nll()},
                                {"tokens", scores.positions()}};
  if (reference) {
    result["kl_mean"] = scores.klMean();
    result["kl_p99"] = scores.klP99();
    result["top1"] = scores.top1();
  }
  if (options.json) {
    puts(result.dump().c_str());
    return;
  }
  printf("mean NLL %.6f over %zu tokens (perplexity %.4f)\n", scores.nll(),
         scores.positions(), std::exp(scores.nll()));
  if (reference)
    printf("KL to the reference: mean %.6f, 99th percentile %.6f; same top "
           "token %.2f %%\n",
           scores.klMean(), scores.klP99(), 100 * scores.top1());
}

} // namespace

int main(int argc, char **argv) {
  CLI::App app("Scores a compiled model on a text.", "tokopt-eval");
  EvalOptions options;
  options.addTo(app);
  return runTool(app, argc, argv, [&] { evaluate(options); });
}
