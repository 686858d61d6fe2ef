//===- AttentionCost.h - What attention costs -------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CPU_ATTENTIONCOST_H
#define TOKOPT_KERNELS_CPU_ATTENTIONCOST_H

#include "tokopt/Kernel.h"

namespace tokopt::cpu {

/// Completes the configuration of `op`: first how a row alone is computed, by
/// what a slot costs, then tiles of rows for the same heads at a time.
mlir::FailureOr<KernelChoice> chooseAttention(tok::KernelOp op,
                                              const TargetDescription &target);

} // namespace tokopt::cpu

#endif // TOKOPT_KERNELS_CPU_ATTENTIONCOST_H
