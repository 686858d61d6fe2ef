//===- Templates.h - The parts of the target cuda ---------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CUDA_TEMPLATES_H
#define TOKOPT_KERNELS_CUDA_TEMPLATES_H

#include "tokopt/Kernel.h"

namespace tokopt::cuda {

const KernelTemplate &rowwiseTemplate();
const KernelTemplate &attentionTemplate();
const KernelTemplate &linearTemplate();

/// The target `cuda`.
const KernelTarget &target();

} // namespace tokopt::cuda

#endif // TOKOPT_KERNELS_CUDA_TEMPLATES_H
