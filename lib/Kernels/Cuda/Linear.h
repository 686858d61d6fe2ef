//===- Linear.h - The ways a linear is computed -----------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CUDA_LINEAR_H
#define TOKOPT_KERNELS_CUDA_LINEAR_H

#include "lib/Kernels/Cuda/Arguments.h"

namespace tokopt::cuda {

/// The element type of matrix number `index` of a linear.
mlir::Type getMatrixElement(tok::KernelOp op, int64_t index);

/// What happens to finished sums.
class LinearEpilogue {
public:
  LinearEpilogue(Emitter &e, tok::KernelOp op, const Arguments &arguments)
      : e(e), op(op), arguments(arguments) {}

  /// Whether the epilogue can be part of a kernel, else an error at `op`.
  static mlir::LogicalResult check(tok::KernelOp op);

  /// Stores what the epilogue makes of `sums`, a vector of four neighbouring
  /// outputs for each matrix, of row `row` and the outputs from `output` on,
  /// both i64.
  mlir::LogicalResult store(llvm::ArrayRef<Val> sums, Val row, Val output,
                            Here here = {});

private:
  Emitter &e;
  tok::KernelOp op;
  const Arguments &arguments;
};

// Emits a linear over packed weights for few rows (LinearPacked.cpp). Errors
// are reported at `op`.
mlir::LogicalResult emitPackedLinear(tok::KernelOp op,
                                     mlir::func::FuncOp function,
                                     const TargetDescription &target);
// Emits a linear over weights of f16 or bf16 for many (Gemm.cpp).
mlir::LogicalResult emitGemm(tok::KernelOp op, mlir::func::FuncOp function,
                             const TargetDescription &target);

} // namespace tokopt::cuda

#endif // TOKOPT_KERNELS_CUDA_LINEAR_H
