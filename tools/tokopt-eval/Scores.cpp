//===- Scores.cpp - How good and how different logits are -----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Scores.h"

#include <algorithm>
#include <cmath>

std::vector<double> logProbabilities(const float *logits, size_t count) {
  double largest = -INFINITY;
  for (size_t i = 0; i < count; ++i)
    largest = std::max(largest, double(logits[i]));
  double sum = 0;
  for (size_t i = 0; i < count; ++i)
    sum += std::exp(double(logits[i]) - largest);
  double offset = largest + std::log(sum);
  std::vector<double> logp(count);
  for (size_t i = 0; i < count; ++i)
    logp[i] = double(logits[i]) - offset;
  return logp;
}

void Scores::add(const std::vector<double> &logp, int32_t next) {
  nllSum -= logp[static_cast<size_t>(next)];
  ++nlls;
}

void Scores::compare(const std::vector<double> &reference,
                     const std::vector<double> &logp) {
  double kl = 0;
  for (size_t i = 0; i < reference.size(); ++i)
    // A token of probability zero adds nothing; its logarithm would.
    if (double p = std::exp(reference[i]); p > 0)
      kl += p * (reference[i] - logp[i]);
  kls.push_back(kl);
  auto best = [](const std::vector<double> &values) {
    return std::max_element(values.begin(), values.end()) - values.begin();
  };
  same += best(reference) == best(logp);
}

double Scores::klMean() const {
  double sum = 0;
  for (double kl : kls)
    sum += kl;
  return kls.empty() ? 0 : sum / double(kls.size());
}

double Scores::klP99() const {
  if (kls.empty())
    return 0;
  std::vector<double> sorted = kls;
  std::sort(sorted.begin(), sorted.end());
  size_t rank = (sorted.size() * 99 + 99) / 100; // rounded up, from 1
  return sorted[rank - 1];
}

double Scores::top1() const {
  return kls.empty() ? 0 : double(same) / double(kls.size());
}
