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
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace tokopt;

static DialectRegistry makeRegistry() {
  DialectRegistry registry;
  registerAllDialects(registry);
  registry.insert<tok::TokDialect>();
  return registry;
}

KernelFile::KernelFile(StringRef path, const CudaArchitecture &architecture)
    : path(path), context(makeRegistry()), handler(sources, &context),
      firstError(context), architecture(architecture) {}

llvm::Error KernelFile::explain(llvm::Error error) const {
  return llvm::createStringError(
      path + ": " + firstError.explain(llvm::toString(std::move(error))));
}

llvm::Expected<std::unique_ptr<KernelFile>>
KernelFile::read(StringRef path, const CudaArchitecture &architecture) {
  auto buffer = llvm::MemoryBuffer::getFileOrSTDIN(path, /*IsText=*/true);
  if (!buffer)
    return llvm::createStringError(
        path + ": cannot be read: " + buffer.getError().message() +
        "; give the path of an MLIR file");
  return parse(std::move(*buffer), path, architecture);
}

llvm::Expected<std::unique_ptr<KernelFile>>
KernelFile::parse(std::unique_ptr<llvm::MemoryBuffer> text, StringRef name,
                  const CudaArchitecture &architecture) {
  std::unique_ptr<KernelFile> file(new KernelFile(name, architecture));
  file->sources.AddNewSourceBuffer(std::move(text), llvm::SMLoc());
  file->module = parseSourceFile<ModuleOp>(file->sources, &file->context);
  if (!file->module)
    return file->explain(
        llvm::createStringError("cannot be read as a module of kernels"));
  return file;
}

llvm::Expected<const CudaArchitecture *>
tokopt::parseArchitecture(StringRef name) {
  if (const CudaArchitecture *architecture = findCudaArchitecture(name))
    return architecture;
  auto names =
      llvm::map_range(getCudaArchitectures(),
                      [](const CudaArchitecture &known) { return known.name; });
  return llvm::createStringError("--target: found '" + name + "', expected " +
                                 llvm::join(names, " or "));
}
