//===- Scores.h - How good and how different logits are ---------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOOLS_TOKOPT_EVAL_SCORES_H_
#define TOOLS_TOKOPT_EVAL_SCORES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

/// Natural logarithms of the probabilities that `logits` stand for, in double.
std::vector<double> logProbabilities(const float *logits, size_t count);

/// What is summed over the scored positions. All of it in double and in order
/// of position, so that equal logits give equal numbers.
class Scores {
public:
  /// Adds a position whose next token is `next`.
  void add(const std::vector<double> &logp, int32_t next);
  /// Adds a position of which there is a reference, too: the divergence
  /// KL(reference || logp) and whether both prefer the same token.
  void compare(const std::vector<double> &reference,
               const std::vector<double> &logp);

  size_t positions() const { return nlls; }
  double nll() const { return nlls ? nllSum / double(nlls) : 0; }
  double klMean() const;
  /// The 99th percentile: the smallest value that 99 % of the positions do not
  /// exceed.
  double klP99() const;
  double top1() const;

private:
  double nllSum = 0;
  size_t nlls = 0, same = 0;
  std::vector<double> kls;
};

#endif // TOOLS_TOKOPT_EVAL_SCORES_H_
