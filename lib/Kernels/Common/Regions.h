//===- Regions.h - Scalar regions cloned on vectors -------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_COMMON_REGIONS_H
#define TOKOPT_KERNELS_COMMON_REGIONS_H

#include "lib/Kernels/Common/Vocabulary.h"

namespace tokopt::kernels {

/// Clones the ops of `region` with `arguments` (scalars or vectors, all of
/// `lanes` lanes) for its block's arguments, and returns what it yields.
/// `structured` gives the value of a `tok.reduce_row` or `tok.partner` from the
/// op and the clone of its operand.
mlir::FailureOr<Vals>
cloneRegion(Emitter &e, mlir::Region &region, llvm::ArrayRef<Val> arguments,
            int64_t lanes,
            llvm::function_ref<Val(mlir::Operation *, Val)> structured = {});

} // namespace tokopt::kernels

#endif // TOKOPT_KERNELS_COMMON_REGIONS_H
