//===- Arguments.h - The arguments of a CUDA kernel -------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CUDA_ARGUMENTS_H
#define TOKOPT_KERNELS_CUDA_ARGUMENTS_H

#include "lib/Kernels/Cuda/Vocabulary.h"

namespace tokopt::cuda {

/// The arguments of a kernel by name (include/tokopt/Kernel.h).
struct Arguments {
  Arguments(Emitter &e, tok::KernelOp op, mlir::Block &entry);

  Val frame, rowBegin, rowEnd, layer;
  Vals weights, inputs, outputs;
};

/// Their types.
llvm::SmallVector<mlir::Type> getArgumentTypes(tok::KernelOp op);

} // namespace tokopt::cuda

#endif // TOKOPT_KERNELS_CUDA_ARGUMENTS_H
