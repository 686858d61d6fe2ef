//===- OutputFile.cpp - A file that appears whole or not at all -----------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tokopt/OutputFile.h"

#include "llvm/Support/FormatVariadic.h"

#include <filesystem>
#include <utility>

using namespace tokopt;
using namespace llvm;

/// As many links in a row as Linux follows.
static constexpr int kMostLinks = 40;

static Error makeError(StringRef path, std::error_code code) {
  return createStringError(
      code, formatv("{0}: cannot write: {1}", path, code.message()));
}

/// What `path` points to through links, also if nothing is there yet.
static std::string followLinks(StringRef path) {
  std::filesystem::path target(path.str());
  std::error_code code;
  for (int i = 0; i < kMostLinks && std::filesystem::is_symlink(target, code);
       ++i)
    target = target.parent_path() /
             std::filesystem::read_symlink(target, code); // may be absolute
  return target.string();
}

bool OutputFile::isReplaceable(StringRef path) {
  sys::fs::file_status status;
  return path != "-" &&
         (sys::fs::status(path, status) || !sys::fs::exists(status) ||
          sys::fs::is_regular_file(status));
}

OutputFile::OutputFile(StringRef path, std::string target)
    : path(path), target(std::move(target)) {}

OutputFile::OutputFile(OutputFile &&other)
    : path(std::move(other.path)), target(std::move(other.target)),
      temporary(std::move(other.temporary)), owned(std::move(other.owned)),
      stream(std::exchange(other.stream, nullptr)) {}

Expected<OutputFile> OutputFile::create(StringRef path) {
  OutputFile file(path, followLinks(path));
  if (path == "-") {
    file.stream = &outs();
    return file;
  }
  if (!isReplaceable(path)) {
    std::error_code code;
    file.owned =
        std::make_unique<raw_fd_ostream>(path, code, sys::fs::CD_OpenExisting);
    if (code)
      return makeError(path, code);
    file.stream = file.owned.get();
    return file;
  }
  sys::fs::file_status status;
  std::error_code code = sys::fs::status(path, status);
  bool isThere = !code;
  if (code == std::errc::no_such_file_or_directory)
    code.clear();
  else if (isThere && !sys::fs::can_write(path))
    // A rename would not ask.
    code = std::make_error_code(std::errc::permission_denied);
  if (code)
    return makeError(path, code);
  Expected<sys::fs::TempFile> temporary =
      sys::fs::TempFile::create(file.target + ".%%%%%%%%.tmp");
  if (!temporary)
    return makeError(path, errorToErrorCode(temporary.takeError()));
  file.temporary = std::make_unique<sys::fs::TempFile>(std::move(*temporary));
  file.owned = std::make_unique<raw_fd_ostream>(file.temporary->FD,
                                                /*shouldClose=*/false);
  file.stream = file.owned.get();
  if (isThere)
    code = sys::fs::setPermissions(file.temporary->FD, status.permissions());
  if (code)
    return makeError(path, code);
  return file;
}

OutputFile::~OutputFile() {
  if (!stream)
    return; // moved from
  // The stream would end the process over an error, one that was already
  // reported or one of the bytes that it still holds.
  stream->flush();
  stream->clear_error();
  owned.reset();
  if (temporary)
    consumeError(temporary->discard());
}

Error OutputFile::flush() {
  stream->flush();
  std::error_code code = stream->error();
  if (!code)
    return Error::success();
  stream->clear_error();
  return makeError(path, code);
}

Error OutputFile::keep() {
  if (Error error = flush())
    return error;
  if (temporary)
    if (Error error = temporary->keep(target))
      return makeError(path, errorToErrorCode(std::move(error)));
  return Error::success();
}
