//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// tok.sample against its definition by sorting.
//
//===----------------------------------------------------------------------===//

#include "test/lib/Kernels/KernelTest.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace tokopt;
using namespace tokopt::test;

namespace {

struct Parameters {
  float temperature, topK, topP, minP;
};

/// Steele, Lea, Flood 2014: the finalizer of SplitMix64; the upper 24 bits as
/// [0, 1).
double mix(uint64_t seed, uint64_t counter) {
  uint64_t z = seed + (counter + 1) * 0x9E3779B97F4A7C15ULL;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ z >> 27) * 0x94D049BB133111EBULL;
  z ^= z >> 31;
  return static_cast<double>(z >> 40) / (1 << 24);
}

/// The ids that may be drawn, and their probabilities up to a factor.
std::vector<double> candidates(const float *logits, int64_t vocab,
                               const Parameters &p) {
  std::vector<int64_t> order(vocab);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](int64_t a, int64_t b) { return logits[a] > logits[b]; });
  float largest = logits[order[0]];
  std::vector<double> mass(vocab, 0);
  // Equal logits stay together.
  float least = p.topK >= 1
                    ? logits[order[std::min<int64_t>(p.topK, vocab) - 1]]
                    : -INFINITY;
  for (int64_t id = 0; id < vocab; ++id)
    if (logits[id] >= least)
      mass[id] = std::exp((double(logits[id]) - largest) / p.temperature);
  for (double &m : mass)
    if (m < p.minP)
      m = 0;
  double total = std::accumulate(mass.begin(), mass.end(), 0.0);
  if (p.topP < 1) {
    double sum = 0;
    size_t n = 0;
    while (n < order.size() && (n == 0 || sum < p.topP * total))
      sum += mass[order[n++]];
    // Those as probable as the last one come along.
    double last = mass[order[n - 1]];
    for (double &m : mass)
      if (m < last)
        m = 0;
  }
  return mass;
}

struct SampleTest : KernelTest {
  static std::string moduleOf(int64_t vocab) {
    std::string t = "tensor<?x" + std::to_string(vocab) + "xf32>";
    return "func.func @step(%ids: tensor<?xi32> {tok.slot = \"ids\"}, %out: "
           "tensor<?xi32> {tok.slot = \"out\"}, %z: " +
           t +
           " {tok.slot = \"logits\"}, %p: tensor<?x4xf32> {tok.slot = "
           "\"sampling\"}, %s: tensor<?x2xi64> " +
           "{tok.slot = \"seeds\"}) -> (tensor<?xi32> {tok.slot = \"tokens\"}) "
           "{\n  %t = tok.sample %z, %p, %s : " +
           t +
           ", tensor<?x4xf32>, tensor<?x2xi64> -> tensor<?xi32>\n  return %t : "
           "tensor<?xi32>\n}\n";
  }

  static std::vector<int32_t>
  draw(const Program &program, const Rows &logits,
       const std::vector<Parameters> &parameters,
       const std::vector<std::pair<int64_t, int64_t>> &seeds, int64_t workers) {
    int64_t rows = logits.rows;
    std::vector<int32_t> ids(rows), out(rows), tokens(rows, -1);
    std::iota(out.begin(), out.end(), 0);
    Frame frame;
    frame.set(Slot::Ids, ids.data())
        .set(Slot::Out, out.data())
        .set(Slot::Outs, rows);
    frame.set(Slot::Logits, logits[0])
        .set(Slot::Sampling, parameters.data())
        .set(Slot::Seeds, seeds.data());
    frame.set(Slot::Tokens, tokens.data());
    program.run(frame, rows, workers);
    return tokens;
  }
};

TEST_P(SampleTest, GreedyTakesTheLowestOfEquals) {
  for (int64_t vocab : {1, 16, 37, 1000}) {
    SCOPED_TRACE(vocab);
    Program program(moduleOf(vocab), GetParam());
    Rows logits(6, vocab);
    fill(logits, -5, 5);
    for (int64_t c = 0; c < vocab; ++c) {
      logits[0][c] = 0;         // all equal
      logits[1][c] = -1000 - c; // all negative, the first is largest
      logits[2][c] = c;         // the last is
      logits[3][c] = c == vocab / 2 || c == vocab - 1 ? 7 : logits[3][c];
      logits[4][c] = -3e38f;
    }
    std::vector<Parameters> greedy(6, {0, 5, 0.5f, 0.1f});
    std::vector<int32_t> tokens =
        draw(program, logits, greedy,
             std::vector<std::pair<int64_t, int64_t>>(6), 2);
    for (int64_t r = 0; r < 6; ++r)
      EXPECT_EQ(tokens[r],
                std::max_element(logits[r], logits[r] + vocab) - logits[r])
          << "row " << r;
  }
}

TEST_P(SampleTest, DrawsByItsDefinition) {
  constexpr int64_t kRows = 24;
  const Parameters settings[] = {
      {1, 0, 1, 0},       {0.7f, 0, 1, 0},     {1.5f, 10, 1, 0},
      {1, 1, 1, 0},       {1, 0, 0.9f, 0},     {1, 0, 0.01f, 0},
      {1, 0, 1, 0.05f},   {1, 0, 1, 1},        {0.8f, 40, 0.95f, 0.02f},
      {2, 1e9f, 0.5f, 0}, {0.05f, 0, 0.99f, 0}};
  for (int64_t vocab : {37, 1000}) {
    Program program(moduleOf(vocab), GetParam());
    for (const Parameters &p : settings) {
      SCOPED_TRACE(testing::Message()
                   << vocab << " ids: temperature " << p.temperature
                   << ", top_k " << p.topK << ", top_p " << p.topP << ", min_p "
                   << p.minP);
      Rows logits(kRows, vocab);
      fill(logits, -6, 6);
      for (int64_t c = 0; c < vocab; ++c) {
        logits[0][c] =
            std::round(logits[0][c]); // many equals, also at every threshold
        logits[1][c] = -50 - std::fabs(logits[1][c]); // all negative
        logits[2][c] = 0;
        logits[3][c] = c % 2 ? 1e4f : -1e4f;
      }
      std::vector<std::pair<int64_t, int64_t>> seeds;
      for (int64_t r = 0; r < kRows; ++r)
        seeds.push_back(
            {static_cast<int64_t>(random()) * (r % 2 ? -1 : 1), r * 7});
      std::vector<Parameters> all(kRows, p);
      std::vector<int32_t> tokens = draw(program, logits, all, seeds, 2);
      for (int64_t r = 0; r < kRows; ++r) {
        std::vector<double> mass = candidates(logits[r], vocab, p);
        double total = std::accumulate(mass.begin(), mass.end(), 0.0);
        double u = mix(seeds[r].first, seeds[r].second), running = 0;
        int64_t token = tokens[r];
        ASSERT_TRUE(token >= 0 && token < vocab)
            << "row " << r << ": " << token;
        // The kernel sums in f32 what this test sums in f64, so near a boundary
        // either side is right.
        for (int64_t id = 0; id < token; ++id)
          running += mass[id];
        EXPECT_GT(mass[token], 0)
            << "row " << r << " drew " << token << ", which is no candidate";
        EXPECT_LE(running, (u + 2e-5) * total)
            << "row " << r << " drew " << token << " too late";
        EXPECT_GE(running + mass[token], (u - 2e-5) * total)
            << "row " << r << " drew " << token << " too early";
      }
      // The same draw whatever the workers, and in other company.
      EXPECT_EQ(draw(program, logits, all, seeds, 3), tokens);
    }
  }
}

/// Over many draws, ids come as often as they are probable.
TEST_P(SampleTest, DrawsAsOftenAsProbable) {
  constexpr int64_t kVocab = 16, kDraws = 4096;
  Program program(moduleOf(kVocab), GetParam());
  Rows logits(kDraws, kVocab);
  std::vector<std::pair<int64_t, int64_t>> seeds;
  for (int64_t r = 0; r < kDraws; ++r) {
    for (int64_t c = 0; c < kVocab; ++c)
      logits[r][c] = std::log(1.0f + c);
    seeds.push_back({42, r});
  }
  std::vector<int32_t> tokens = draw(
      program, logits, std::vector<Parameters>(kDraws, {1, 0, 1, 0}), seeds, 1);
  std::vector<double> counts(kVocab);
  for (int32_t token : tokens)
    ++counts[token];
  double chi = 0;
  for (int64_t c = 0; c < kVocab; ++c) {
    double expected = kDraws * (1.0 + c) / (kVocab * (kVocab + 1) / 2);
    chi += (counts[c] - expected) * (counts[c] - expected) / expected;
  }
  EXPECT_LT(chi, 37.7)
      << "15 degrees of freedom: one in a thousand, were the counter not fixed";
}

TOKOPT_INSTANTIATE_KERNELS(SampleTest, getVariantsWithoutTiles());

} // namespace
