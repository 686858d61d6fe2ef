//===- Arguments.h - The arguments of a kernel function ---------*- C++ -*-===//

#ifndef TOKOPT_KERNELS_CPU_ARGUMENTS_H
#define TOKOPT_KERNELS_CPU_ARGUMENTS_H

#include "lib/Kernels/Cpu/Vocabulary.h"

namespace tokopt::cpu {

/// The arguments of a kernel function by name (include/tokopt/Kernel.h).
struct Arguments {
  Arguments(Emitter &e, tok::KernelOp op, mlir::Block &entry);

  Val frame, worker, rowBegin, rowEnd, layer;
  Vals weights, inputs, outputs;
};

/// Bytes from one row of a buffer to the next.
int64_t rowBytes(mlir::Type memref);

/// Columns of a buffer.
int64_t columnsOf(mlir::Type memref);

/// An integer of a kernel's configuration; it must be there.
int64_t configInt(tok::KernelOp op, llvm::StringRef name);
/// A name of a kernel's configuration, or empty.
llvm::StringRef configName(tok::KernelOp op, llvm::StringRef name);
double configFloat(tok::KernelOp op, llvm::StringRef name);

/// `op`'s configuration with `entries` added.
mlir::DictionaryAttr extendConfig(tok::KernelOp op,
                                  llvm::ArrayRef<mlir::NamedAttribute> entries);

} // namespace tokopt::cpu

#endif // TOKOPT_KERNELS_CPU_ARGUMENTS_H
