//===- ModelFuzzer.cpp - Any bytes become a module or a located error -----===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Gguf.h"
#include "lib/Models/Model.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;
using namespace tokopt;

/// A context keeps every type and name it has seen, so it is renewed.
static mlir::MLIRContext &getContext() {
  static std::unique_ptr<mlir::MLIRContext> context;
  static unsigned uses;
  if (uses++ % 4096 == 0)
    context = std::make_unique<mlir::MLIRContext>(
        mlir::MLIRContext::Threading::DISABLED);
  return *context;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Expected<gguf::File> file = gguf::File::parse(
      MemoryBuffer::getMemBuffer(toStringRef(ArrayRef(data, size)), "input",
                                 /*RequiresNullTerminator=*/false));
  if (!file) {
    consumeError(file.takeError());
    return 0;
  }
  auto module = buildModel(*file, getContext());
  if (module)
    return 0;
  // What the verifier finds, the checks before it have missed.
  std::string message = toString(module.takeError());
  if (!StringRef(message).starts_with("input: ") ||
      StringRef(message).contains('\n') ||
      StringRef(message).contains("does not verify"))
    abort();
  return 0;
}
