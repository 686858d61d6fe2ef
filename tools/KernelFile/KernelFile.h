//===- KernelFile.h - What programs about CUDA kernels read -----*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_TOOLS_KERNELFILE_KERNELFILE_H
#define TOKOPT_TOOLS_KERNELFILE_KERNELFILE_H

#include "tokopt/CudaTarget.h"
#include "tokopt/FirstError.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/SourceMgr.h"

namespace tokopt {

/// A module of kernels, and what they are compiled for.
class KernelFile {
public:
  /// Errors of MLIR are not printed, also those that come after reading: the
  /// first is part of the error that the program ends with.
  static llvm::Expected<std::unique_ptr<KernelFile>>
  read(llvm::StringRef path, const CudaArchitecture &architecture);

  /// The same for text that is there already; `name` is for messages.
  static llvm::Expected<std::unique_ptr<KernelFile>>
  parse(std::unique_ptr<llvm::MemoryBuffer> text, llvm::StringRef name,
        const CudaArchitecture &architecture);

  /// `error` with the file's name, and with what MLIR reported about it.
  llvm::Error explain(llvm::Error error) const;

  mlir::ModuleOp getModule() { return *module; }
  const CudaArchitecture &getArchitecture() const { return architecture; }

private:
  KernelFile(llvm::StringRef path, const CudaArchitecture &architecture);

  std::string path;
  mlir::MLIRContext context;
  llvm::SourceMgr sources;
  /// For warnings and remarks.
  mlir::SourceMgrDiagnosticHandler handler;
  FirstError firstError;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  const CudaArchitecture &architecture;
};

/// The architecture of that name.
llvm::Expected<const CudaArchitecture *>
parseArchitecture(llvm::StringRef name);

} // namespace tokopt

#endif // TOKOPT_TOOLS_KERNELFILE_KERNELFILE_H
