//===- Functions.h - What regions of CUDA kernels may hold ------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CUDA_FUNCTIONS_H
#define TOKOPT_KERNELS_CUDA_FUNCTIONS_H

#include "mlir/IR/Region.h"

namespace tokopt::cuda {

/// Checks that `region` of a kernel has no functions but those that are one
/// instruction, or that the vocabulary spells out; else emits an error at the
/// op that is another. It may be empty.
mlir::LogicalResult checkFunctions(mlir::Region &region);

} // namespace tokopt::cuda

#endif // TOKOPT_KERNELS_CUDA_FUNCTIONS_H
