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

#include "tokopt/OutputFile.h"
#include "tokopt/Pipelines.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/WithColor.h"

using namespace llvm;

static cl::opt<bool> listContracts(
    "list-contracts",
    cl::desc("Print what each pass promises about the numbers, and exit"));

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

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  mlir::DialectRegistry registry;
  tokopt::registerDialects(registry);
  tokopt::registerPasses();
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::registerAllPasses();
  auto [input, output] = mlir::registerAndParseCLIOptions(
      argc, argv, "tokopt pass driver\n", registry);
  if (listContracts) {
    tokopt::printContracts(outs());
    return 0;
  }
  return mlir::asMainReturnCode(runOnFile(input, output, registry));
}
