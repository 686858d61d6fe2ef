//===- Import.cpp - From a model file to a module -------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tokopt/Import.h"

#include "lib/Import/Gguf.h"
#include "lib/Models/Model.h"

using namespace llvm;
using namespace mlir;

Expected<OwningOpRef<ModuleOp>> tokopt::importModel(StringRef path,
                                                    StringRef sourceName,
                                                    MLIRContext &context) {
  Expected<gguf::File> file = gguf::File::open(path);
  if (!file)
    return file.takeError();
  file->setSourceName(sourceName);
  return buildModel(*file, context);
}
