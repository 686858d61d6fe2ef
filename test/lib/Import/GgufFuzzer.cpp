//===- GgufFuzzer.cpp - Any bytes are a model or a located error ----------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Gguf.h"

#include "llvm/ADT/StringExtras.h"

using namespace llvm;
using namespace tokopt::gguf;

/// An error must name the file and stay on one line.
static void checkMessage(Error error) {
  std::string message = toString(std::move(error));
  if (!StringRef(message).starts_with("input: ") ||
      StringRef(message).contains('\n'))
    abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Expected<File> file = File::parse(
      MemoryBuffer::getMemBuffer(toStringRef(ArrayRef(data, size)), "input",
                                 /*RequiresNullTerminator=*/false));
  if (!file) {
    checkMessage(file.takeError());
    return 0;
  }
  // What the reader promises about a file that it takes.
  for (const Tensor &tensor : file->getTensors())
    if (tensor.offset > size || tensor.bytes > size - tensor.offset ||
        tensor.offset % file->getAlignment() != 0)
      abort();
  for (const KeyValue &value : file->getKeyValues()) {
    if (Error error = file->getInteger(value.key, 0, 100).takeError())
      checkMessage(std::move(error));
    if (Error error = file->getFloat(value.key).takeError())
      checkMessage(std::move(error));
    if (Error error = file->getBool(value.key).takeError())
      checkMessage(std::move(error));
  }
  return 0;
}
