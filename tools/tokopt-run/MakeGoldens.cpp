//===- MakeGoldens.cpp - Logits that other bundles must give --------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The reference backend runs the definitions of a model's ops and shares no
// code with kernels, so what it computes is worth comparing with.
//
//===----------------------------------------------------------------------===//

#include "Goldens.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

using namespace tools;
using Json = nlohmann::ordered_json;

/// Enough to notice a wrong kernel; every bundle carries them.
static constexpr size_t kPositions = 16, kLogits = 8;
/// What a loader takes (docs/bundle.md).
static constexpr size_t kMostIds = 4096;

std::vector<std::pair<int32_t, float>> bestLogits(const float *logits,
                                                  size_t vocab, size_t count) {
  std::vector<int32_t> order(vocab);
  std::iota(order.begin(), order.end(), 0);
  count = std::min(count, vocab);
  auto better = [logits](int32_t a, int32_t b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  };
  std::partial_sort(order.begin(),
                    order.begin() + static_cast<ptrdiff_t>(count), order.end(),
                    better);
  std::vector<std::pair<int32_t, float>> best;
  for (size_t i = 0; i < count; ++i)
    best.emplace_back(order[i], logits[order[i]]);
  return best;
}

/// At most `kPositions` of `count` positions, evenly spread, the last among
/// them.
static std::vector<uint32_t> choosePositions(size_t count) {
  size_t chosen = std::min(count, kPositions);
  std::vector<uint32_t> positions;
  for (size_t i = 1; i <= chosen; ++i)
    positions.push_back(static_cast<uint32_t>(i * count / chosen - 1));
  return positions;
}

static Json makeOutput(const std::string &bundle, uint32_t position,
                       const float *logits, size_t vocab) {
  double squares = 0;
  for (size_t i = 0; i < vocab; ++i)
    squares += double(logits[i]) * double(logits[i]);
  double rms = std::sqrt(squares / double(vocab));
  if (!std::isfinite(rms) || rms == 0)
    throw BadInput{bundle + ": logits of position " + std::to_string(position) +
                   ": found a root mean square of " + std::to_string(rms) +
                   ", expected finite logits that are not all zero; a model "
                   "that gives such has no goldens"};
  return {{"position", position},
          {"rms", rms},
          {"logits", bestLogits(logits, vocab, kLogits)}};
}

void printGoldens(const RunOptions &options, const tokrt_model_t *model,
                  const std::vector<int32_t> &ids) {
  const std::string &bundle = options.load.bundle;
  tokrt_model_info_t info;
  tokrt_model_info(model, &info);
  if (info.backend != std::string("reference"))
    throw BadInput{bundle + ": manifest key backend: found \"" + info.backend +
                   "\", expected \"reference\": goldens come from the ops' "
                   "definitions; compile the model with --backend=reference"};
  if (ids.size() > kMostIds)
    throw BadInput{bundle + ": prompt: found " + std::to_string(ids.size()) +
                   " tokens, expected at most " + std::to_string(kMostIds) +
                   " for goldens; shorten the prompt"};
  Json outputs = Json::array();
  std::vector<uint32_t> positions = choosePositions(ids.size());
  EnginePtr engine = createEngine(options.load, model);
  readLogits(
      engine.get(), ids,
      [&](uint32_t position, const float *logits, size_t vocab) {
        if (std::binary_search(positions.begin(), positions.end(), position))
          outputs.push_back(makeOutput(bundle, position, logits, vocab));
      });
  const char *text;
  size_t size;
  tokrt_model_manifest(model, &text, &size);
  Json manifest = Json::parse(text, text + size); // the loader has checked it
  Json sequence{{"ids", ids}, {"outputs", outputs}};
  Json root{{"format", 1},
            {"producer", manifest["producer"]},
            {"backend", info.backend},
            {"level", info.level},
            {"source", manifest["source"]},
            {"passes", manifest["passes"]},
            {"sequences", Json::array({sequence})}};
  puts(root.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
}
