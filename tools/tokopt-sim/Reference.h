//===- Reference.h - What a kernel's results must be ------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_TOOLS_TOKOPT_SIM_REFERENCE_H
#define TOKOPT_TOOLS_TOKOPT_SIM_REFERENCE_H

#include "tools/tokopt-sim/Case.h"

namespace tokopt {

/// Checks that the reference of `kernel` takes what the kernel is run with;
/// errors are reported at the one or the other.
mlir::LogicalResult checkReference(mlir::func::FuncOp kernel, const Case &what);

/// Compiles the function `name` of `module` for this machine and calls it with
/// `arguments`, each the address of a buffer or a number. An access out of
/// bounds is reported at its place and is an error.
llvm::Error runReference(mlir::ModuleOp module, llvm::StringRef name,
                         llvm::ArrayRef<uint64_t> arguments);

} // namespace tokopt

#endif // TOKOPT_TOOLS_TOKOPT_SIM_REFERENCE_H
