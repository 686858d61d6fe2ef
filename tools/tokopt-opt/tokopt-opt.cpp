//===- tokopt-opt.cpp - Runs tokopt passes over MLIR files ----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Upstream's driver, but the output appears whole or not at all: it may be the
// input, and a pass that fails leaves what was there.
//
//===----------------------------------------------------------------------===//

#include "tokopt/CommandLine.h"
#include "tokopt/OutputFile.h"
#include "tokopt/Pipelines.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/WithColor.h"

using namespace llvm;

static cl::OptionCategory category("tokopt-opt options");
static cl::opt<bool> listContracts(
    "list-contracts",
    cl::desc("Print what each pass promises about the numbers, and exit"),
    cl::cat(category));

/// Runs the passes of the command line on `input` as upstream's `MlirOptMain`
/// of the same arguments does.
static mlir::LogicalResult runOnFile(StringRef input, StringRef output,
                                     mlir::DialectRegistry &registry) {
  auto config = mlir::MlirOptMainConfig::createFromCLOptions();
  // What only lists something neither reads nor writes a file.
  if (config.shouldShowDialects() || config.shouldListPasses())
    return mlir::MlirOptMain(outs(), MemoryBuffer::getMemBuffer(""), registry,
                             config);
  if (input == "-" && sys::Process::FileDescriptorIsDisplayed(STDIN_FILENO))
    errs() << "(reading from the terminal; end with ctrl-d)\n";
  std::string message;
  std::unique_ptr<MemoryBuffer> source = mlir::openInputFile(input, &message);
  if (!source) {
    errs() << message << "\n";
    return mlir::failure();
  }
  auto report = [](Error error) {
    WithColor::error(errs(), "tokopt-opt")
        << toString(std::move(error)) << "\n";
    return mlir::failure();
  };
  Expected<tokopt::OutputFile> file = tokopt::OutputFile::create(output);
  if (!file)
    return report(file.takeError());
  if (failed(
          mlir::MlirOptMain(file->os(), std::move(source), registry, config)))
    return mlir::failure();
  if (Error error = file->keep())
    return report(std::move(error));
  return mlir::success();
}

//===----------------------------------------------------------------------===//
// Help
//===----------------------------------------------------------------------===//

/// Lists `entries`, names with what they do.
static void printSection(raw_ostream &os, StringRef title,
                         ArrayRef<std::pair<StringRef, StringRef>> entries) {
  constexpr size_t kWidth = 32;
  os << "\n" << title << ":\n\n";
  for (auto [name, what] : entries)
    os << "  --" << left_justify(name, kWidth) << " - " << what << "\n";
}

/// What is ours of the options, which stand between a thousand of upstream's in
/// the list that LLVM prints.
static std::string describeOurs() {
  std::vector<std::pair<StringRef, StringRef>> options, passes, pipelines;
  // Passes are values of an option without a name, so each has an entry too.
  for (auto &[name, option] : cl::getRegisteredOptions()) {
    if (is_contained(option->Categories, &category))
      options.emplace_back(name, option->HelpStr);
    if (!name.starts_with("tok-"))
      continue;
    if (auto *pass = mlir::PassInfo::lookup(name))
      passes.emplace_back(name, pass->getPassDescription());
    else if (auto *pipeline = mlir::PassPipelineInfo::lookup(name))
      pipelines.emplace_back(name, pipeline->getPassDescription());
  }
  std::string text;
  raw_string_ostream os(text);
  os << "tokopt pass driver\n";
  sort(options);
  sort(passes);
  sort(pipelines);
  printSection(os, "tokopt options", options);
  printSection(os,
               "tokopt passes (run in the order given; their own options "
               "stand below with those of upstream's)",
               passes);
  printSection(os, "tokopt pipelines", pipelines);
  return text;
}

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  tokopt::setVersionPrinter("tokopt-opt");
  mlir::DialectRegistry registry;
  tokopt::registerDialects(registry);
  tokopt::registerPasses();
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::registerAllPasses();
  std::string dialects = mlir::registerCLIOptions("", registry);
  auto [input, output] =
      mlir::parseCLIOptions(argc, argv, describeOurs() + dialects);
  if (listContracts) {
    tokopt::printContracts(outs());
    return 0;
  }
  return mlir::asMainReturnCode(runOnFile(input, output, registry));
}
