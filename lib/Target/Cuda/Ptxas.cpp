//===- Ptxas.cpp - From PTX to cubin --------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// ptxas runs as a subprocess: there is no library of it under a free licence.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Cuda/Cuda.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Regex.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace tokopt;

/// The oldest release that knows every architecture we generate for (sm_90a,
/// PTX 8.0).
static constexpr int64_t kOldestMajor = 12;

static Error makeError(const Twine &message) {
  return createStringError(inconvertibleErrorCode(), message);
}

//===----------------------------------------------------------------------===//
// Where is it
//===----------------------------------------------------------------------===//

/// Where scripts/setup puts it: beside the models.
static std::string placeOfSetup() {
  SmallString<128> path;
  if (auto models = sys::Process::GetEnv("TOKOPT_MODELS")) {
    path = *models;
    sys::path::append(path, "..");
  } else {
    sys::path::home_directory(path);
    sys::path::append(path, ".cache", "tokopt");
  }
  sys::path::append(path, "ptxas", "ptxas");
  return path.str().str();
}

Expected<std::string> tokopt::findPtxas() {
  if (auto named = sys::Process::GetEnv("TOKOPT_PTXAS");
      named && !named->empty()) {
    if (sys::fs::can_execute(*named))
      return *named;
    return makeError("TOKOPT_PTXAS names '" + *named +
                     "', which is not a program: expected the path of one");
  }
  SmallVector<std::string> places;
  if (auto home = sys::Process::GetEnv("CUDA_HOME"))
    places.push_back(*home + "/bin/ptxas");
  if (auto found = sys::findProgramByName("ptxas"))
    places.push_back(*found);
  places.push_back("/usr/local/cuda/bin/ptxas");
  places.push_back(placeOfSetup());
  for (const std::string &place : places)
    if (sys::fs::can_execute(place))
      return place;
  return makeError("there is no ptxas: looked for " + join(places, ", ") +
                   "; run scripts/setup ptxas, or set TOKOPT_PTXAS");
}

//===----------------------------------------------------------------------===//
// What it says
//===----------------------------------------------------------------------===//

/// The number that stands before `what` in a line of ptxas, or 0.
static int64_t numberBefore(StringRef line, StringRef what) {
  SmallVector<StringRef> groups;
  int64_t value = 0;
  if (Regex(("([0-9]+) " + what).str()).match(line, &groups))
    groups[1].getAsInteger(10, value);
  return value;
}

static void parseLine(StringRef line, CudaBinary &binary) {
  SmallVector<StringRef> groups;
  static const Regex function("Compiling entry function '([^']+)'");
  if (function.match(line, &groups)) {
    binary.kernels.emplace_back().name = groups[1].str();
    return;
  }
  if (line.contains("(C75")) {
    binary.notes.push_back(line.trim().str());
    return;
  }
  if (binary.kernels.empty())
    return;
  PtxasKernel &kernel = binary.kernels.back();
  if (line.contains("bytes stack frame")) {
    kernel.stackBytes = numberBefore(line, "bytes stack frame");
    kernel.spillStoreBytes = numberBefore(line, "bytes spill stores");
    kernel.spillLoadBytes = numberBefore(line, "bytes spill loads");
  } else if (line.contains(" registers")) {
    kernel.registers = numberBefore(line, "registers");
    kernel.barriers = numberBefore(line, "barriers");
    kernel.sharedBytes = numberBefore(line, "bytes smem");
  }
}

//===----------------------------------------------------------------------===//
// Run it
//===----------------------------------------------------------------------===//

namespace {

/// A file that is gone at the end, also if a signal ends the process.
struct TemporaryFile {
  SmallString<128> path;
  FileRemover remover;

  TemporaryFile() = default;
  TemporaryFile(const TemporaryFile &) = delete;
  ~TemporaryFile() {
    if (!path.empty())
      sys::DontRemoveFileOnSignal(path);
  }

  static Error create(TemporaryFile &file, StringRef suffix) {
    if (std::error_code code =
            sys::fs::createTemporaryFile("tokopt", suffix, file.path))
      return makeError("cannot make a temporary file: " + code.message());
    file.remover.setFile(file.path);
    sys::RemoveFileOnSignal(file.path);
    return Error::success();
  }

  Expected<std::string> read() const {
    auto buffer = MemoryBuffer::getFile(path, /*IsText=*/false,
                                        /*RequiresNullTerminator=*/false);
    if (!buffer)
      return makeError("cannot read " + path + ": " +
                       buffer.getError().message());
    return (*buffer)->getBuffer().str();
  }
};

} // namespace

/// Runs ptxas with `arguments` and returns what it printed.
static Expected<std::string> runPtxas(StringRef ptxas,
                                      ArrayRef<StringRef> arguments) {
  TemporaryFile output;
  if (Error error = TemporaryFile::create(output, "txt"))
    return error;
  SmallVector<StringRef> command = {ptxas};
  command.append(arguments.begin(), arguments.end());
  std::optional<StringRef> redirects[] = {StringRef(), StringRef(output.path),
                                          StringRef(output.path)};
  std::string problem;
  int status =
      sys::ExecuteAndWait(ptxas, command, std::nullopt, redirects,
                          /*SecondsToWait=*/120, /*MemoryLimit=*/0, &problem);
  Expected<std::string> text = output.read();
  if (!text)
    return text.takeError();
  if (status)
    return makeError(
        ptxas + " failed: " +
        (problem.empty() ? StringRef(*text).trim() : StringRef(problem)));
  return text;
}

Expected<std::string> tokopt::getPtxasVersion(StringRef ptxas) {
  Expected<std::string> text = runPtxas(ptxas, {"--version"});
  if (!text)
    return text.takeError();
  SmallVector<StringRef> groups;
  int64_t major = 0;
  if (!Regex("release ([0-9]+)\\.").match(*text, &groups) ||
      groups[1].getAsInteger(10, major))
    return makeError(ptxas + " does not say its release");
  if (major < kOldestMajor)
    return makeError(ptxas + " is of release " + Twine(major) +
                     ", but at least " + Twine(kOldestMajor) + " is needed");
  return text;
}

Expected<CudaBinary> tokopt::assemblePtx(StringRef ptxas, StringRef ptx,
                                         const CudaArchitecture &architecture) {
  if (Expected<std::string> version = getPtxasVersion(ptxas); !version)
    return version.takeError();
  return assembleChecked(ptxas, ptx, architecture);
}

Expected<CudaBinary>
tokopt::assembleChecked(StringRef ptxas, StringRef ptx,
                        const CudaArchitecture &architecture) {
  TemporaryFile source, binary;
  for (auto &[file, suffix] : {std::pair(&source, "ptx"), {&binary, "cubin"}})
    if (Error error = TemporaryFile::create(*file, suffix))
      return error;
  {
    std::error_code code;
    raw_fd_ostream stream(source.path, code);
    stream << ptx;
    stream.close();
    if (code || stream.has_error())
      return makeError("cannot write " + source.path);
  }
  std::string target = ("-arch=" + architecture.name).str();
  Expected<std::string> said = runPtxas(
      ptxas, {target, "-v", "-lineinfo", "-o", binary.path, source.path});
  if (!said)
    return said.takeError();
  CudaBinary result;
  SmallVector<StringRef> lines;
  StringRef(*said).split(lines, '\n');
  for (StringRef line : lines)
    parseLine(line, result);
  Expected<std::string> cubin = binary.read();
  if (!cubin)
    return cubin.takeError();
  result.cubin = std::move(*cubin);
  return result;
}

Error tokopt::checkBinary(const CudaBinary &binary) {
  for (const PtxasKernel &kernel : binary.kernels)
    if (kernel.spillStoreBytes || kernel.spillLoadBytes)
      return makeError("kernel " + kernel.name +
                       " spills registers: " + Twine(kernel.spillStoreBytes) +
                       " bytes of stores, " + Twine(kernel.spillLoadBytes) +
                       " bytes of loads; no kernel may");
  for (const PtxasKernel &kernel : binary.kernels)
    if (kernel.stackBytes)
      return makeError("kernel " + kernel.name + " has " +
                       Twine(kernel.stackBytes) +
                       " bytes of stack, which are in global memory; no kernel "
                       "may: an array whose index is not constant, or a call "
                       "that was not inlined, makes it");
  if (!binary.notes.empty())
    return makeError("ptxas gave up an optimization: " + binary.notes.front());
  return Error::success();
}
