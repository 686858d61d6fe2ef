//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SourceRanges.h"

#include "llvm/Support/FormatVariadic.h"

using namespace tokopt;
using namespace llvm;

SourceFile::SourceFile(StringRef path, std::unique_ptr<MemoryBuffer> buffer)
    : path(path), buffer(std::move(buffer)) {}

Expected<std::shared_ptr<const SourceFile>> SourceFile::open(StringRef path) {
  auto buffer = MemoryBuffer::getFile(path, /*IsText=*/false,
                                      /*RequiresNullTerminator=*/false);
  if (!buffer)
    return createStringError(buffer.getError(), "%s: cannot read: %s",
                             path.str().c_str(),
                             buffer.getError().message().c_str());
  return std::shared_ptr<const SourceFile>(
      new SourceFile(path, std::move(*buffer)));
}

ArrayRef<uint8_t> SourceFile::getBytes() const {
  StringRef contents = buffer->getBuffer();
  return ArrayRef(contents.bytes_begin(), contents.size());
}

Error tokopt::makeError(const SourceRange &range, const Twine &message) {
  StringRef file = range.file ? range.file->getPath() : "<no file>";
  return createStringError(inconvertibleErrorCode(),
                           file + ": tensor '" + range.name + "': " + message);
}

Expected<ArrayRef<uint8_t>> tokopt::getRangeBytes(const SourceRange &range,
                                                  int64_t expected) {
  if (range.bytes != static_cast<uint64_t>(expected))
    return makeError(range, formatv("has {0} bytes of data, but its type and "
                                    "shape need {1}; the file is damaged",
                                    range.bytes, expected));
  uint64_t fileBytes = range.file ? range.file->getBytes().size() : 0;
  if (range.offset > fileBytes || range.bytes > fileBytes - range.offset)
    return makeError(range,
                     formatv("its data, {0} bytes at offset {1}, goes past the "
                             "end of the file ({2} bytes); the file is cut off "
                             "or is not the one that was imported",
                             range.bytes, range.offset, fileBytes));
  return range.file->getBytes().slice(range.offset, range.bytes);
}
