//===- Options.cpp - The command line of tokopt-run -----------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Options.h"

void RunOptions::addTo(CLI::App &app) {
  load.addTo(app);
  app.get_option("--verify")
      ->description("Check the hash of the weights, too, and replay the "
                    "bundle's goldens on every level that runs here, or on "
                    "that of --level");
  auto *input = app.add_option_group("Input", "One of");
  input->add_option("--prompt", prompt, "A message to the model")
      ->option_text("TEXT");
  input->add_option("--prompt-file", promptFile, "The same from a file")
      ->option_text("FILE");
  input->add_option("--ids", ids, "A prompt as token ids, \"1,2,3\"")
      ->option_text("IDS");
  input->add_option("--ids-file", idsFile, "The same from a file")
      ->option_text("FILE");
  input
      ->add_option("--tokenize", tokenize,
                   "Print the token ids of a text; special tokens are text")
      ->option_text("TEXT");
  input->add_option("--tokenize-file", tokenizeFile, "The same from a file")
      ->option_text("FILE");
  input->require_option(0, 1);
  app.add_flag("--raw", raw, "Do not wrap the prompt in the chat template");

  auto *output = app.add_option_group("Output");
  output
      ->add_option("--max-tokens", maxTokens,
                   "Tokens to generate (default 256)")
      ->transform(tools::wholeNumber(0, UINT32_MAX))
      ->option_text("N");
  output->add_flag("--ignore-eos", ignoreEos,
                   "Generate on through end-of-sequence tokens");
  output->add_flag("--warm-up", warmUp, "Run the prompt once before, untimed");
  output
      ->add_option("--top-logits", topLogits,
                   "Give the K largest logits of the first new position")
      ->transform(tools::wholeNumber(0, UINT32_MAX))
      ->option_text("K");
  output->add_flag("--json", json, "Print one JSON object");
  auto *goldensFlag =
      output
          ->add_flag("--print-goldens", printGoldens,
                     "Generate nothing; print the prompt's logits for "
                     "tokopt-compile --goldens, from a bundle of the reference "
                     "backend")
          ->excludes("--json");

  auto *look = app.add_option_group(
      "Instrumentation", "Of a bundle that tokopt-compile --instrument made");
  look->add_option("--dump-values", dumpValues,
                   "Write what kernels compute into a new folder, as NumPy "
                   "files")
      ->option_text("DIR")
      ->excludes(goldensFlag);
  look->add_flag("--profile", profile,
                 "Print the time of each kernel, summed over layers and steps")
      ->excludes(goldensFlag);

  auto *sample = app.add_option_group("Sampling");
  auto *greedyFlag = sample->add_flag("--greedy", greedy,
                                      "Always take the most probable token");
  sample
      ->add_option("--temperature", sampling.temperature,
                   "0: greedy (default 0.7)")
      ->check(CLI::Range(0.0, 1e6))
      ->option_text("T")
      ->excludes(greedyFlag);
  sample->add_option("--top-k", sampling.top_k, "0: off (default 40)")
      ->transform(tools::wholeNumber(0, 1 << 24))
      ->option_text("K");
  sample->add_option("--top-p", sampling.top_p, "1: off (default 0.9)")
      ->check(CLI::Range(0.0, 1.0))
      ->option_text("P");
  sample->add_option("--min-p", sampling.min_p, "0: off (default)")
      ->check(CLI::Range(0.0, 1.0))
      ->option_text("P");
  sample
      ->add_option("--seed", sampling.seed,
                   "Equal seeds, equal tokens (default 0)")
      ->transform(tools::wholeNumber())
      ->option_text("N");
  app.set_version_flag("--version", "tokopt-run " TOKOPT_VERSION);
}
