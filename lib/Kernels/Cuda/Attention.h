//===- Attention.h - The ways attention is computed -------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CUDA_ATTENTION_H
#define TOKOPT_KERNELS_CUDA_ATTENTION_H

#include "tokopt/Kernel.h"

namespace tokopt::cuda {

// Emits attention that computes in f32, a row a block (Attention.cpp), or on
// tensor cores, a tile of rows a block, by products of warps (Prefill.cpp) or
// of warpgroups (WarpgroupPrefill.cpp). Errors are reported at `op`.
mlir::LogicalResult emitDecode(tok::KernelOp op, mlir::func::FuncOp function,
                               const TargetDescription &target);
mlir::LogicalResult emitPrefill(tok::KernelOp op, mlir::func::FuncOp function,
                                const TargetDescription &target);
mlir::LogicalResult emitWarpgroupPrefill(tok::KernelOp op,
                                         mlir::func::FuncOp function,
                                         const TargetDescription &target);

} // namespace tokopt::cuda

#endif // TOKOPT_KERNELS_CUDA_ATTENTION_H
