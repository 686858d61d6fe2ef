//===- tokopt-import.cpp - Writes a model file as MLIR --------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tokopt/CommandLine.h"
#include "tokopt/Import.h"
#include "tokopt/OutputFile.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <filesystem>

using namespace llvm;

static cl::OptionCategory category("tokopt-import options");
static cl::opt<std::string> input(cl::Positional, cl::Required,
                                  cl::value_desc("model"),
                                  cl::desc("<model.gguf>"), cl::cat(category));
static cl::opt<std::string>
    output("o", cl::Required, cl::value_desc("file"),
           cl::desc("Where to write the module; - is the standard output"),
           cl::cat(category));

static Error writeModule(mlir::ModuleOp module) {
  Expected<tokopt::OutputFile> file = tokopt::OutputFile::create(output);
  if (!file)
    return file.takeError();
  // `<<` would print in local scope, where a long type has no alias.
  module->print(file->os());
  file->os() << '\n';
  return file->keep();
}

/// What the module calls the model: a relative path counts from the folder of
/// the module, which may be read from anywhere. Links in the folders are
/// resolved first, since `..` of one is the parent of its target.
static Expected<std::string> makeSourceName() {
  auto fail = [](std::error_code code) {
    return createStringError(input + ": cannot read the model: " +
                             code.message() + "; give the path of a GGUF file");
  };
  if (sys::path::is_absolute(input))
    return input;
  SmallString<256> model(input);
  if (std::error_code code = sys::fs::make_absolute(model))
    return fail(code);
  SmallString<256> folder, outputFolder;
  if (std::error_code code =
          sys::fs::real_path(sys::path::parent_path(model), folder))
    return fail(code);
  model = folder;
  sys::path::append(model, sys::path::filename(input));
  SmallString<256> module(output);
  // A folder that is not there is reported when the module is written.
  if (!tokopt::OutputFile::isReplaceable(output) ||
      sys::fs::make_absolute(module) ||
      sys::fs::real_path(sys::path::parent_path(module), outputFolder))
    return model.str().str();
  return std::filesystem::path(model.str().str())
      .lexically_relative(outputFolder.str().str())
      .string();
}

static Error run() {
  if (sys::fs::equivalent(input, output))
    return createStringError(input +
                             ": -o: found the model itself, expected another "
                             "file");
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  Expected<std::string> sourceName = makeSourceName();
  if (!sourceName)
    return sourceName.takeError();
  auto module = tokopt::importModel(input, *sourceName, context);
  if (!module)
    return module.takeError();
  return writeModule(**module);
}

int main(int argc, char **argv) {
  cl::HideUnrelatedOptions(category);
  if (!tokopt::parseCommandLine(argc, argv, "Writes a model file as MLIR\n"))
    return tokopt::BadUsage;
  if (Error error = run())
    return tokopt::reportError("tokopt-import", std::move(error),
                               tokopt::BadInput);
  return tokopt::Success;
}
