//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "OutputFile.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"

using namespace tokopt;
using namespace llvm;

static Error makeError(StringRef path, std::error_code code) {
  return createStringError(
      code, formatv("{0}: cannot write: {1}", path, code.message()));
}

OutputFile::OutputFile(StringRef path, sys::fs::TempFile file)
    : path(path),
      temporary(std::make_unique<sys::fs::TempFile>(std::move(file))),
      stream(std::make_unique<raw_fd_ostream>(temporary->FD,
                                              /*shouldClose=*/false)) {}

Expected<OutputFile> OutputFile::create(StringRef path) {
  // A link stays a link: what it points to is replaced.
  SmallString<128> target(path);
  sys::fs::file_status status;
  if (!sys::fs::status(path, status) && sys::fs::exists(status)) {
    // Renaming over a device or a pipe would destroy it.
    if (!sys::fs::is_regular_file(status))
      return createStringError(
          inconvertibleErrorCode(),
          formatv("{0}: is not a regular file; a bundle can only be written "
                  "to a file",
                  path));
    if (std::error_code code = sys::fs::real_path(path, target))
      return makeError(path, code);
  }
  Expected<sys::fs::TempFile> file =
      sys::fs::TempFile::create(target + ".%%%%%%%%.tmp");
  if (!file)
    return makeError(path, errorToErrorCode(file.takeError()));
  return OutputFile(target, std::move(*file));
}

OutputFile::~OutputFile() {
  if (!temporary)
    return; // moved from
  // The stream would end the process over an error, one that was already
  // reported or one of the bytes that it still holds.
  stream->flush();
  stream->clear_error();
  stream.reset();
  consumeError(temporary->discard());
}

Error OutputFile::takeStreamError() {
  std::error_code code = stream->error();
  if (!code)
    return Error::success();
  stream->clear_error();
  return makeError(path, code);
}

Error OutputFile::write(ArrayRef<uint8_t> bytes) {
  stream->write(reinterpret_cast<const char *>(bytes.data()), bytes.size());
  return takeStreamError();
}

Error OutputFile::rewrite(ArrayRef<uint8_t> bytes) {
  stream->pwrite(reinterpret_cast<const char *>(bytes.data()), bytes.size(), 0);
  stream->flush();
  return takeStreamError();
}

Expected<Hash128> OutputFile::hash(uint64_t offset, uint64_t bytes) {
  stream->flush();
  if (Error error = takeStreamError())
    return error;
  if (bytes == 0)
    return hashBytes({});
  std::error_code code;
  sys::fs::mapped_file_region region(
      sys::fs::convertFDToNativeFile(temporary->FD),
      sys::fs::mapped_file_region::readonly, bytes, offset, code);
  if (code)
    return createStringError(code, formatv("{0}: cannot map what was written: "
                                           "{1}",
                                           path, code.message()));
  return hashBytes(
      ArrayRef(reinterpret_cast<const uint8_t *>(region.const_data()), bytes));
}

Error OutputFile::keep() {
  stream->flush();
  if (Error error = takeStreamError())
    return error;
  if (Error error = temporary->keep(path))
    return makeError(path, errorToErrorCode(std::move(error)));
  return Error::success();
}
