//===- KernelFile.cpp - What programs about CUDA kernels read -------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/KernelFile/KernelFile.h"

#include "dialects/Tok/TokDialect.h"

#include "mlir/InitAllDialects.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace tokopt;

static DialectRegistry makeRegistry() {
  DialectRegistry registry;
  registerAllDialects(registry);
  registry.insert<tok::TokDialect>();
  return registry;
}

KernelFile::KernelFile() : context(makeRegistry()), handler(sources, &context) {
  context.printOpOnDiagnostic(false); // the line is shown
}

llvm::Expected<std::unique_ptr<KernelFile>>
KernelFile::read(StringRef path, StringRef architecture) {
  std::unique_ptr<KernelFile> file(new KernelFile());
  file->architecture = findCudaArchitecture(architecture);
  if (!file->architecture) {
    auto names = llvm::map_range(
        getCudaArchitectures(),
        [](const CudaArchitecture &known) { return known.name; });
    return llvm::createStringError("has no architecture '" + architecture +
                                   "'; expected " + llvm::join(names, " or "));
  }
  file->module = parseSourceFile<ModuleOp>(path, file->sources, &file->context);
  if (!file->module)
    return llvm::createStringError("the file cannot be read");
  return file;
}
