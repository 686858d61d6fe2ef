//===- Templates.h - The parts of the target cpu ----------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CPU_TEMPLATES_H
#define TOKOPT_KERNELS_CPU_TEMPLATES_H

#include "tokopt/Kernel.h"

namespace tokopt::cpu {

const KernelTemplate &embedTemplate();
const KernelTemplate &anglesTemplate();
const KernelTemplate &rowwiseTemplate();
const KernelTemplate &linearTemplate();
const KernelTemplate &attentionTemplate();
const KernelTemplate &sampleTemplate();

/// The target `cpu`.
const KernelTarget &target();

/// Appends the barrier of the target to `module`.
mlir::func::FuncOp emitBarrier(mlir::ModuleOp module);

} // namespace tokopt::cpu

#endif // TOKOPT_KERNELS_CPU_TEMPLATES_H
