//===- Goldens.h - Logits that a bundle must give ---------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOOLS_TOKOPT_RUN_GOLDENS_H_
#define TOOLS_TOKOPT_RUN_GOLDENS_H_

#include "Options.h"

/// The `count` largest of `logits`, best first; of equal ones the lower id.
std::vector<std::pair<int32_t, float>> bestLogits(const float *logits,
                                                  size_t vocab, size_t count);

/// Runs `ids` through `model`, which is of the reference backend, and prints
/// what `tokopt-compile --goldens` reads.
void printGoldens(const RunOptions &options, const tokrt_model_t *model,
                  const std::vector<int32_t> &ids);

/// Computes the goldens of the bundle again, on each ISA level that this CPU
/// runs or on the one that the user named, and says what it found. `model` has
/// been loaded with its weights' hash checked.
void replayGoldens(const RunOptions &options, const tokrt_model_t *model);

#endif // TOOLS_TOKOPT_RUN_GOLDENS_H_
