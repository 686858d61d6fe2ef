//===- CudaArithmetic.h - What GPU and host compute alike -------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_CUDAARITHMETIC_H
#define TOKOPT_CUDAARITHMETIC_H

#include "llvm/IR/Intrinsics.h"

namespace tokopt {

/// Whether `id` is arithmetic that PTX has and that the host computes with the
/// same bits, or a note to the compiler: the CUDA target lets it pass, and the
/// simulator leaves it to the host.
bool isExactOnGpu(llvm::Intrinsic::ID id);

} // namespace tokopt

#endif // TOKOPT_CUDAARITHMETIC_H
