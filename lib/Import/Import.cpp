//===- Import.cpp - From a model file to a module -------------------------===//

#include "tokopt/Import.h"

#include "lib/Import/Gguf.h"
#include "lib/Models/Model.h"

using namespace llvm;
using namespace mlir;

Expected<OwningOpRef<ModuleOp>> tokopt::importModel(StringRef path,
                                                    MLIRContext &context) {
  Expected<gguf::File> file = gguf::File::open(path);
  if (!file)
    return file.takeError();
  return buildModel(*file, context);
}
