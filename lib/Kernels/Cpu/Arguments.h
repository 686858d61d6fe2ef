//===- Arguments.h - The arguments of a kernel function ---------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CPU_ARGUMENTS_H
#define TOKOPT_KERNELS_CPU_ARGUMENTS_H

#include "lib/Kernels/Common/Config.h"
#include "lib/Kernels/Cpu/Vocabulary.h"

namespace tokopt::cpu {

/// The arguments of a kernel function by name (include/tokopt/Kernel.h).
struct Arguments {
  Arguments(Emitter &e, tok::KernelOp op, mlir::Block &entry);

  Val frame, worker, rowBegin, rowEnd, layer;
  Vals weights, inputs, outputs;
};

using kernels::columnsOf;
using kernels::configFloat;
using kernels::configInt;
using kernels::configName;
using kernels::rowBytes;

} // namespace tokopt::cpu

#endif // TOKOPT_KERNELS_CPU_ARGUMENTS_H
