//===- Options.h - The command line of tokopt-run ---------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOOLS_TOKOPT_RUN_OPTIONS_H_
#define TOOLS_TOKOPT_RUN_OPTIONS_H_

#include "tools/Common/Common.h"

/// What to do, as the command line says it.
struct RunOptions {
  tools::LoadOptions load;
  std::optional<std::string> prompt, promptFile, ids, idsFile, tokenize,
      tokenizeFile;
  bool raw = false;
  uint32_t maxTokens = 256;
  bool greedy = false;
  tokrt_sampling_t sampling{0.7f, 40, 0.9f, 0, 0};
  bool ignoreEos = false;
  bool warmUp = false;
  uint32_t topLogits = 0;
  bool json = false;
  bool printGoldens = false;
  std::optional<std::string> dumpValues; // a folder
  bool profile = false;

  void addTo(CLI::App &app);
  bool tokenizes() const { return tokenize || tokenizeFile; }
  bool generates() const { return prompt || promptFile || ids || idsFile; }
};

/// Runs the program after the command line was parsed.
void run(const RunOptions &options);

#endif // TOOLS_TOKOPT_RUN_OPTIONS_H_
