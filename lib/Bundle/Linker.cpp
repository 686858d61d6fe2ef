//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The linker is a program of its own: LLVM's linker library is not part of the
// shared LLVM that the compiler links.
//
//===----------------------------------------------------------------------===//

#include "Linker.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"
#include <optional>

using namespace tokopt;
using namespace llvm;

/// What the loader relies on and what makes the output a function of the
/// objects alone.
static constexpr StringLiteral kFlags[] = {
    "-m",
    "elf_x86_64",
    "-shared",
    "-nostdlib",
    "--build-id=none",
    "--hash-style=gnu",
    "--no-undefined",
    "--fatal-warnings",
    // Calls between the objects' own functions need no table.
    "-Bsymbolic",
    // No writable segment: nothing is relocated, so neither the dynamic section
    // nor anything else is written at load.
    "-z",
    "rodynamic",
    "-z",
    "norelro",
    "-z",
    "separate-code",
    "-z",
    "noexecstack",
    "-z",
    "max-page-size=4096",
    "--threads=1",
};

namespace {

/// A file in the system's folder for temporary files. It goes away with the
/// object, and when the process is interrupted.
class ScratchFile {
public:
  static Expected<ScratchFile> create(StringRef suffix, StringRef contents) {
    SmallString<128> model;
    sys::path::system_temp_directory(/*ErasedOnReboot=*/true, model);
    sys::path::append(model, "tokopt-%%%%%%%%." + suffix);
    Expected<sys::fs::TempFile> file = sys::fs::TempFile::create(
        model, sys::fs::owner_read | sys::fs::owner_write);
    if (!file)
      return createStringError(
          inconvertibleErrorCode(),
          formatv("cannot create a temporary file {0}: {1}", model,
                  toString(file.takeError())));
    ScratchFile scratch(std::move(*file));
    raw_fd_ostream stream(scratch.file->FD, /*shouldClose=*/false);
    stream << contents;
    stream.flush();
    if (std::error_code code = stream.error()) {
      stream.clear_error();
      return createStringError(code,
                               formatv("cannot write the temporary file {0}: "
                                       "{1}",
                                       scratch.getPath(), code.message()));
    }
    return scratch;
  }

  ScratchFile(ScratchFile &&other) : file(std::move(other.file)) {
    other.file.reset();
  }
  ~ScratchFile() {
    if (file)
      consumeError(file->discard());
  }

  StringRef getPath() const { return file->TmpName; }

private:
  explicit ScratchFile(sys::fs::TempFile file) : file(std::move(file)) {}

  std::optional<sys::fs::TempFile> file;
};

} // namespace

/// The program to run.
static Expected<std::string> findLinker(StringRef linker) {
  if (linker.empty()) {
    for (StringRef name : {"ld.lld-22", "ld.lld"})
      if (auto path = sys::findProgramByName(name))
        return *path;
    return createStringError(
        inconvertibleErrorCode(),
        "no linker: neither ld.lld-22 nor ld.lld is in PATH; install lld-22");
  }
  auto path = sys::findProgramByName(linker);
  if (!path)
    return createStringError(path.getError(),
                             formatv("no linker: {0} cannot be run: {1}",
                                     linker, path.getError().message()));
  return *path;
}

/// The text of `path`, or nothing if it cannot be read.
static std::string readText(StringRef path) {
  auto buffer = MemoryBuffer::getFile(path);
  return buffer ? (*buffer)->getBuffer().trim().str() : std::string();
}

Expected<SmallVector<char, 0>>
tokopt::linkSharedObject(ArrayRef<StringRef> objects, StringRef linker) {
  Expected<std::string> program = findLinker(linker);
  if (!program)
    return program.takeError();
  Expected<ScratchFile> output = ScratchFile::create("so", "");
  if (!output)
    return output.takeError();
  Expected<ScratchFile> messages = ScratchFile::create("txt", "");
  if (!messages)
    return messages.takeError();

  std::vector<ScratchFile> inputs;
  for (StringRef object : objects) {
    Expected<ScratchFile> input = ScratchFile::create("o", object);
    if (!input)
      return input.takeError();
    inputs.push_back(std::move(*input));
  }

  SmallVector<StringRef> arguments = {*program};
  append_range(arguments, kFlags);
  arguments.push_back("-o");
  arguments.push_back(output->getPath());
  for (const ScratchFile &input : inputs)
    arguments.push_back(input.getPath());

  std::optional<StringRef> redirects[] = {StringRef(), messages->getPath(),
                                          messages->getPath()};
  std::string problem;
  int status =
      sys::ExecuteAndWait(*program, arguments, /*Env=*/std::nullopt, redirects,
                          /*SecondsToWait=*/0, /*MemoryLimit=*/0, &problem);
  if (status != 0)
    return createStringError(
        inconvertibleErrorCode(),
        formatv("{0} failed with status {1}: {2}", *program, status,
                problem.empty() ? readText(messages->getPath()) : problem));

  auto linked = MemoryBuffer::getFile(output->getPath(), /*IsText=*/false,
                                      /*RequiresNullTerminator=*/false);
  if (!linked)
    return createStringError(linked.getError(),
                             formatv("{0}: cannot read what {1} wrote: {2}",
                                     output->getPath(), *program,
                                     linked.getError().message()));
  StringRef image = (*linked)->getBuffer();
  if (Error error = checkSharedObject(image))
    return error;
  return SmallVector<char, 0>(image.begin(), image.end());
}
