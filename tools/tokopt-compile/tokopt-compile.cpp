//===- tokopt-compile.cpp - Compiles a model into one file ----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Compile.h"

#include "tokopt/CommandLine.h"
#include "tokopt/Pipelines.h"
#include "tokopt/Target.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

static cl::OptionCategory category("tokopt-compile options");
static cl::opt<std::string> model(cl::Positional, cl::Required,
                                  cl::value_desc("model"),
                                  cl::desc("<model.gguf | model.mlir>"),
                                  cl::cat(category));
static cl::opt<std::string> output("o", cl::Required, cl::value_desc("file"),
                                   cl::desc("The bundle to write"),
                                   cl::cat(category));
static cl::opt<std::string> backend(
    "backend", cl::init("cpu"),
    cl::desc(
        "cpu: generated kernels (default); reference: the ops' definitions, "
        "to compare with"),
    cl::cat(category));
static const std::string targetsText = "ISA levels to generate for, of " +
                                       tokopt::listIsaLevels() +
                                       " (default: all)";
static cl::list<std::string> targets("target", cl::CommaSeparated,
                                     cl::value_desc("level"),
                                     cl::desc(targetsText), cl::cat(category));
static cl::opt<std::string> pipeline(
    "pipeline", cl::value_desc("passes"),
    cl::desc("Model passes to run instead of the backend's own; may be empty"),
    cl::cat(category));
static cl::opt<bool> noCache(
    "no-cache",
    cl::desc("Generate all code anew. Nothing is cached between compilations "
             "today, so this states what happens anyway"),
    cl::cat(category));
static cl::opt<bool> printKernels(
    "print-kernels",
    cl::desc("Print the choice for each kernel, the runner-up and why"),
    cl::cat(category));

static cl::opt<std::string> goldens(
    "goldens", cl::value_desc("file"),
    cl::desc("Logits for tokopt-run --verify to find again, as tokopt-run "
             "--print-goldens wrote them"),
    cl::cat(category));
static cl::opt<double> goldenTolerance(
    "golden-tolerance", cl::value_desc("share"),
    cl::desc("How far from the goldens logits may be, as a share of their root "
             "mean square (default: by the contracts of the passes)"),
    cl::cat(category));
static cl::opt<std::string> instrument(
    "instrument", cl::ValueOptional, cl::value_desc("values | time"),
    cl::desc("Let generated code tell the runtime what each kernel wrote "
             "(values, for tokopt-run --dump-values; the default) or only when "
             "it has run (time, for tokopt-run --profile)"),
    cl::cat(category));

static cl::opt<bool> emulate(
    "emulate", cl::Hidden,
    cl::desc(
        "For tests: kernels as generated for the one --target, in code that "
        "AVX2 machines run"),
    cl::cat(category));

static cl::list<double> mutate(
    "mutate", cl::Hidden, cl::CommaSeparated,
    cl::desc(
        "For tests of tests: FROM,TO replaces this constant of the kernels"),
    cl::cat(category));

static cl::list<double> mutateAt(
    "mutate-at", cl::Hidden, cl::CommaSeparated,
    cl::desc("For tests of tests: PLACE,FACTOR multiplies one constant of the "
             "kernels; PLACE is from 0, the first, to 1, the last"),
    cl::cat(category));

/// What --instrument asks for, or nothing if that cannot be understood. Without
/// a value it means values.
static std::optional<tokopt::Instrumentation> parseInstrumentation() {
  if (!instrument.getNumOccurrences())
    return tokopt::Instrumentation::None;
  if (instrument.empty() || instrument == "values")
    return tokopt::Instrumentation::Values;
  if (instrument == "time")
    return tokopt::Instrumentation::Time;
  return std::nullopt;
}

/// What can be wrong before a file is read.
static Error checkUsage() {
  if (model.empty())
    return createStringError("found an empty path of a model");
  if (output.empty())
    return createStringError("-o: found an empty path");
  if (backend != "cpu" && backend != "reference")
    return createStringError("--backend: found '" + backend +
                             "', expected cpu or reference");
  for (const std::string &target : targets)
    if (!tokopt::findIsaLevel(target))
      return createStringError("--target: found '" + target +
                               "', expected one of " + tokopt::listIsaLevels());
  if (backend == "reference" && (printKernels || emulate))
    return createStringError("--backend: found reference, which has no "
                             "kernels, expected cpu for --" +
                             Twine(emulate ? "emulate" : "print-kernels"));
  if (!parseInstrumentation())
    return createStringError("--instrument: found '" + instrument +
                             "', expected values or time");
  if (emulate && targets.size() != 1)
    return createStringError("--emulate: found " + Twine(targets.size()) +
                             " targets, expected one --target");
  if (mutate.getNumOccurrences() && mutate.size() != 2)
    return createStringError("--mutate: found " + Twine(mutate.size()) +
                             " values, expected FROM,TO");
  if (mutateAt.getNumOccurrences() &&
      !(mutateAt.size() == 2 && mutateAt[0] >= 0 && mutateAt[0] <= 1))
    return createStringError("--mutate-at: expected PLACE,FACTOR with a PLACE "
                             "from 0 to 1");
  if (mutate.getNumOccurrences() && mutateAt.getNumOccurrences())
    return createStringError("--mutate-at: found with --mutate, expected one "
                             "of them");
  if (goldens.getNumOccurrences() && goldens.empty())
    return createStringError("--goldens: found an empty path");
  if (goldenTolerance.getNumOccurrences()) {
    if (goldens.empty())
      return createStringError("--golden-tolerance: found no goldens, expected "
                               "--goldens beside it");
    // Written so that NaN is refused.
    if (!(goldenTolerance >= 0 && goldenTolerance <= 1))
      return createStringError("--golden-tolerance: found " +
                               Twine(std::to_string(goldenTolerance)) +
                               ", expected a share from 0 to 1");
  }
  mlir::MLIRContext context;
  mlir::PassManager manager(&context);
  return tokopt::parsePipeline(pipeline, manager);
}

int main(int argc, char **argv) {
  cl::HideUnrelatedOptions(category);
  if (!tokopt::parseCommandLine(argc, argv, "Compiles a model into one file\n"))
    return tokopt::BadUsage;
  tokopt::registerPasses();
  mlir::registerTransformsPasses(); // canonicalize, cse
  if (Error error = checkUsage())
    return tokopt::reportError("tokopt-compile", std::move(error),
                               tokopt::BadUsage);
  tokopt::CompileOptions options{model,
                                 output,
                                 backend,
                                 {targets.begin(), targets.end()},
                                 std::nullopt,
                                 printKernels,
                                 *parseInstrumentation(),
                                 emulate,
                                 std::nullopt,
                                 goldens,
                                 std::nullopt};
  if (goldenTolerance.getNumOccurrences())
    options.goldenTolerance = goldenTolerance;
  using Kind = tokopt::Mutation::Kind;
  if (mutate.getNumOccurrences())
    options.mutation = {Kind::Value, mutate[0], mutate[1]};
  if (mutateAt.getNumOccurrences())
    options.mutation = {Kind::Place, mutateAt[0], mutateAt[1]};
  if (pipeline.getNumOccurrences())
    options.pipeline = pipeline;
  if (Error error = tokopt::compile(options))
    return tokopt::reportError("tokopt-compile", std::move(error),
                               tokopt::BadInput);
  return tokopt::Success;
}
