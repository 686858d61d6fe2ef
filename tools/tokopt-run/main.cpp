//===- main.cpp - Runs a compiled model -----------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Options.h"

int main(int argc, char **argv) {
  CLI::App app("Runs a model that tokopt-compile compiled.", "tokopt-run");
  RunOptions options;
  options.addTo(app);
  app.callback([&] {
    if (!options.generates() && !options.tokenizes() && !options.load.verify)
      throw CLI::RequiredError("one of --prompt, --prompt-file, --ids, "
                               "--ids-file, --tokenize, --tokenize-file");
    if (options.printGoldens && !options.generates())
      throw CLI::RequiredError("--print-goldens: one of --prompt, "
                               "--prompt-file, --ids, --ids-file");
    if (!options.generates() && (options.dumpValues || options.profile))
      throw CLI::RequiredError(
          "a prompt (--prompt, --prompt-file, --ids, --ids-file) for " +
          std::string(options.profile ? "--profile" : "--dump-values"));
  });
  return tools::runTool(app, argc, argv, [&] { run(options); });
}
