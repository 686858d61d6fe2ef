//===- tokopt-import.cpp - Writes a model file as MLIR --------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tokopt/Import.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"

#include <filesystem>

using namespace llvm;

enum ExitStatus { Success = 0, BadInput = 1, BadUsage = 2 };

static cl::OptionCategory category("tokopt-import options");
static cl::opt<std::string> input(cl::Positional, cl::Required,
                                  cl::value_desc("model"),
                                  cl::desc("<model.gguf>"), cl::cat(category));
static cl::opt<std::string>
    output("o", cl::Required, cl::value_desc("file"),
           cl::desc("Where to write the module; - is the standard output"),
           cl::cat(category));

/// Writes `text` to `os` and says if it could not.
static Error writeText(raw_fd_ostream &os, StringRef text) {
  os << text;
  os.flush();
  if (!os.has_error())
    return Error::success();
  // A stream that is destroyed with an error would end the program.
  std::error_code code = os.error();
  os.clear_error();
  return errorCodeToError(code);
}

/// Writes `text` beside `path` and renames it when it is whole.
static Error replaceFile(StringRef path, StringRef text) {
  sys::fs::file_status status;
  if (!sys::fs::status(path, status) && !sys::fs::is_regular_file(status)) {
    // A device or a pipe is written, not replaced.
    std::error_code code;
    raw_fd_ostream os(path, code, sys::fs::CD_OpenExisting);
    return code ? errorCodeToError(code) : writeText(os, text);
  }
  Expected<sys::fs::TempFile> file =
      sys::fs::TempFile::create(path + ".%%%%%%");
  if (!file)
    return file.takeError();
  raw_fd_ostream os(file->FD, /*shouldClose=*/false);
  if (Error error = writeText(os, text))
    return joinErrors(std::move(error), file->discard());
  return file->keep(path);
}

static Error writeModule(mlir::ModuleOp module, StringRef path) {
  std::string text;
  raw_string_ostream stream(text);
  // `<<` would print in local scope, where a long type has no alias.
  module->print(stream);
  stream << '\n';
  Error error = path == "-" ? writeText(outs(), text) : replaceFile(path, text);
  if (!error)
    return error;
  return createStringError(
      path + ": cannot write the module: " + toString(std::move(error)) +
      "; give a path that can be written");
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
  bool isFile = output != "-" &&
                (!sys::fs::exists(output) || sys::fs::is_regular_file(output));
  // A folder that is not there is reported when the module is written.
  if (!isFile || sys::fs::make_absolute(module) ||
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
  return writeModule(**module, output);
}

int main(int argc, char **argv) {
  cl::HideUnrelatedOptions(category);
  cl::SetVersionPrinter(
      [](raw_ostream &os) { os << "tokopt-import " TOKOPT_VERSION "\n"; });
  if (!cl::ParseCommandLineOptions(argc, argv, "Writes a model file as MLIR\n",
                                   &errs()))
    return BadUsage;
  if (Error error = run()) {
    WithColor::error(errs(), "tokopt-import")
        << toString(std::move(error)) << '\n';
    return BadInput;
  }
  return Success;
}
