//===- SampleTest.cpp - Draws from logits ---------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compared with the description read literally: sort, cut, draw.
//
//===----------------------------------------------------------------------===//

#include "ReferenceRun.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace tokopt::test;

namespace {

constexpr size_t kVocabulary = 48;

constexpr llvm::StringLiteral kModule = R"mlir(
  func.func @step(%x: tensor<?x48xf32> {tok.slot = "frontier"},
                  %p: tensor<?x4xf32> {tok.slot = "sampling"},
                  %s: tensor<?x2xi64> {tok.slot = "seeds"})
      -> (tensor<?xi32> {tok.slot = "tokens"}) {
    %t = tok.sample %x, %p, %s
        : tensor<?x48xf32>, tensor<?x4xf32>, tensor<?x2xi64> -> tensor<?xi32>
    return %t : tensor<?xi32>
  })mlir";

struct Parameters {
  float temperature, topK, topP, minP;
};

double draw(uint64_t seed, uint64_t counter) {
  uint64_t z = seed + (counter + 1) * 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  z ^= z >> 31;
  return double(z >> 40) / (1 << 24);
}

/// The ids that may be drawn, and exp of their scaled logits.
std::vector<std::pair<int, double>> findCandidates(const float *logits,
                                                   Parameters p) {
  std::vector<int> order(kVocabulary);
  std::iota(order.begin(), order.end(), 0);
  llvm::sort(order, [&](int a, int b) { return logits[a] > logits[b]; });
  auto weigh = [&](int id) {
    return std::exp((double(logits[id]) - logits[order[0]]) / p.temperature);
  };
  auto cutAfter = [&](size_t count) { // equal values stay together
    while (count < order.size() &&
           logits[order[count]] == logits[order[count - 1]])
      ++count;
    order.resize(std::min(count, order.size()));
  };
  if (p.topK >= 1 && p.topK < order.size())
    cutAfter(static_cast<size_t>(p.topK));
  llvm::erase_if(order, [&](int id) { return weigh(id) < p.minP; });
  double left = 0, mass = 0;
  for (int id : order)
    left += weigh(id);
  if (p.topP < 1)
    for (size_t count = 1; count <= order.size(); ++count)
      if ((mass += weigh(order[count - 1])) >= p.topP * left) {
        cutAfter(count);
        break;
      }
  llvm::sort(order);
  std::vector<std::pair<int, double>> candidates;
  for (int id : order)
    candidates.push_back({id, weigh(id)});
  return candidates;
}

int sample(const float *logits, Parameters p, double uniform) {
  auto candidates = findCandidates(logits, p);
  double total = 0, running = 0;
  for (auto [id, weight] : candidates)
    total += weight;
  for (auto [id, weight] : candidates)
    if ((running += weight) > uniform * total)
      return id;
  return -1;
}

class Sample : public testing::TestWithParam<Parameters> {};

TEST_P(Sample, DrawsAsDescribed) {
  ReferenceRun code(kModule);
  if (!code.canRun())
    GTEST_SKIP();
  constexpr size_t kDraws = 300;
  std::vector<float> row = makeValues(kVocabulary, 5, 4);
  row[11] = row[30]; // equal ones
  row[12] = row[30];
  Parameters p = GetParam();
  for (size_t i = 0; i < kDraws; ++i) {
    code.frontier.insert(code.frontier.end(), row.begin(), row.end());
    code.sampling.insert(code.sampling.end(),
                         {p.temperature, p.topK, p.topP, p.minP});
    code.seeds.insert(code.seeds.end(), {-7, static_cast<int64_t>(i)});
  }
  code.tokens.assign(kDraws, -1);
  code.run(kDraws, kDraws);
  size_t others = 0;
  for (size_t i = 0; i < kDraws; ++i) {
    double uniform = draw(static_cast<uint64_t>(-7), i);
    others += code.tokens[i] != sample(row.data(), p, uniform);
  }
  // f32 and f64 may part where a draw falls on a border.
  EXPECT_LE(others, 1u);
}

INSTANTIATE_TEST_SUITE_P(
    All, Sample,
    testing::Values(Parameters{1, 0, 1, 0}, Parameters{0.5, 0, 1, 0},
                    Parameters{2, 5, 1, 0}, Parameters{1, 1, 1, 0},
                    Parameters{1, 100, 1, 0}, Parameters{1, 0, 0.5, 0},
                    Parameters{1.5, 20, 0.9, 0}, Parameters{1, 0, 1, 0.2},
                    Parameters{1, 0, 1, 1}, Parameters{1, 10, 0.8, 0.05}),
    [](const testing::TestParamInfo<Parameters> &info) {
      return "Case" + std::to_string(info.index);
    });

TEST(SampleGreedy, TakesTheLowestIdOfTheLargest) {
  ReferenceRun code(kModule);
  if (!code.canRun())
    GTEST_SKIP();
  code.frontier.assign(3 * kVocabulary, -1);
  code.frontier[20] = code.frontier[31] = 2; // two equal ones
  code.frontier[kVocabulary + 47] = 0;       // the last
  code.frontier[2 * kVocabulary] = INFINITY; // the first
  code.sampling.assign(3 * 4, 0);
  code.seeds.assign(3 * 2, 0);
  code.tokens.assign(3, -1);
  code.run(3, 3);
  EXPECT_THAT(code.tokens, testing::ElementsAre(20, 47, 0));
}

} // namespace
