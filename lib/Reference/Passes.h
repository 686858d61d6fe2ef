//===- Passes.h - Passes of the reference backend ---------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_REFERENCE_PASSES_H
#define TOKOPT_LIB_REFERENCE_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace tokopt::reference {

#define GEN_PASS_DECL
#include "lib/Reference/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "lib/Reference/Passes.h.inc"

} // namespace tokopt::reference

#endif // TOKOPT_LIB_REFERENCE_PASSES_H
