//===- Passes.h - From a model to the program of a step ---------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LOWER_PASSES_H
#define TOKOPT_LOWER_PASSES_H

#include "tokopt/Kernel.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace tokopt {

#define GEN_PASS_DECL
#include "lib/Lower/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "lib/Lower/Passes.h.inc"

/// Sets `name` of the module's `tok.program` dictionary.
void setProgramEntry(mlir::ModuleOp module, llvm::StringRef name,
                     mlir::Attribute value);

} // namespace tokopt

#endif // TOKOPT_LOWER_PASSES_H
