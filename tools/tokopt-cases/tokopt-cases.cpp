//===- tokopt-cases.cpp - Makes kernels for a machine with a GPU ----------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A folder with kernels, what they are run on and the numbers that must come
// out, for `tokopt-launch` on a machine without the compiler.
//
//===----------------------------------------------------------------------===//

#include "tools/tokopt-cases/Sketch.h"

#include "tokopt/CommandLine.h"
#include "tokopt/CudaTarget.h"
#include "tokopt/OutputFile.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

using namespace tokopt;

static llvm::cl::OptionCategory options("tokopt-cases options");
static llvm::cl::opt<std::string>
    folder("o", llvm::cl::desc("The folder, which may be there already"),
           llvm::cl::value_desc("folder"), llvm::cl::cat(options));
static llvm::cl::opt<std::string>
    source("source", llvm::cl::desc("The state of the sources, to be told"),
           llvm::cl::init("unknown"), llvm::cl::cat(options));
static llvm::cl::list<std::string>
    only("only", llvm::cl::desc("Only the cases of these names"),
         llvm::cl::CommaSeparated, llvm::cl::cat(options));
static llvm::cl::opt<bool> small("small", llvm::cl::desc("Only small cases"),
                                 llvm::cl::cat(options));
static llvm::cl::opt<bool> list("list", llvm::cl::desc("List the cases"),
                                llvm::cl::cat(options));

static llvm::cl::opt<std::string>
    recordings("replay",
               llvm::cl::desc("Compare the simulator with what a GPU gave"),
               llvm::cl::value_desc("folder"), llvm::cl::cat(options));

static std::vector<Sketch> getSketches() {
  std::vector<Sketch> sketches;
  addStreams(sketches);
  addInstructions(sketches);
  addWarpgroupInstructions(sketches);
  addTensorInstructions(sketches);
  addRowwise(sketches);
  addLinear(sketches);
  addAttention(sketches);
  return sketches;
}

static llvm::Error checkNames(const std::vector<Sketch> &sketches) {
  for (const std::string &name : only)
    if (llvm::none_of(sketches, [&](const Sketch &sketch) {
          return sketch.given.name == name;
        }))
      return llvm::createStringError("--only: found no case '" + name +
                                     "'; --list says which there are");
  return llvm::Error::success();
}

static bool isAsked(const cases::Case &given) {
  if (!only.empty())
    return llvm::is_contained(only, given.name);
  return !small || given.isSmall;
}

static llvm::Error run() {
  std::vector<Sketch> sketches = getSketches();
  if (list) {
    for (const Sketch &sketch : sketches)
      llvm::outs() << sketch.given.name << "\n";
    return llvm::Error::success();
  }
  if (!recordings.empty())
    return replay(sketches, recordings, llvm::outs());
  if (llvm::Error error = checkNames(sketches))
    return error;
  llvm::Expected<std::string> ptxas = findPtxas();
  if (!ptxas)
    return ptxas.takeError();
  if (std::error_code error = llvm::sys::fs::create_directories(folder))
    return llvm::createStringError(folder +
                                   ": cannot be made: " + error.message());
  cases::Folder made;
  made.source = source;
  for (const Sketch &sketch : sketches) {
    if (!isAsked(sketch.given))
      continue;
    auto given = produce(sketch, *ptxas, folder);
    if (!given)
      return given.takeError();
    made.cases.push_back(std::move(*given));
  }
  // Who runs it would refuse it.
  if (std::string problem = cases::findProblem(made); !problem.empty())
    return llvm::createStringError(problem);
  auto file = OutputFile::create(folder + "/" + cases::kCasesFile);
  if (!file)
    return file.takeError();
  file->os() << cases::toJson(made);
  return file->keep();
}

int main(int argc, char **argv) {
  llvm::cl::HideUnrelatedOptions(options);
  if (!parseCommandLine(argc, argv, "makes kernels for a machine with a GPU\n"))
    return BadUsage;
  if (folder.empty() && recordings.empty() && !list)
    return reportError("tokopt-cases",
                       llvm::createStringError(
                           "found no folder, expected -o, --replay, or --list"),
                       BadUsage);
  if (llvm::Error error = run())
    return reportError("tokopt-cases", std::move(error), BadInput);
  return Success;
}
