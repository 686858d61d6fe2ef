//===- KernelFile.h - What programs about CUDA kernels read -----*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_TOOLS_KERNELFILE_KERNELFILE_H
#define TOKOPT_TOOLS_KERNELFILE_KERNELFILE_H

#include "tokopt/CudaTarget.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/SourceMgr.h"

namespace tokopt {

/// A module of kernels, and what they are compiled for.
class KernelFile {
public:
  /// Errors of MLIR are printed with their lines, also those that come after
  /// reading.
  static llvm::Expected<std::unique_ptr<KernelFile>>
  read(llvm::StringRef path, llvm::StringRef architecture);

  mlir::ModuleOp getModule() { return *module; }
  const CudaArchitecture &getArchitecture() const { return *architecture; }

private:
  KernelFile();

  mlir::MLIRContext context;
  llvm::SourceMgr sources;
  mlir::SourceMgrDiagnosticHandler handler;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  const CudaArchitecture *architecture = nullptr;
};

} // namespace tokopt

#endif // TOKOPT_TOOLS_KERNELFILE_KERNELFILE_H
