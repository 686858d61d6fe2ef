//===- Passes.h - Smaller caches ---------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_PASSES_CACHE_PASSES_H
#define TOKOPT_PASSES_CACHE_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace tokopt {

#define GEN_PASS_DECL
#include "passes/Cache/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/Cache/Passes.h.inc"

} // namespace tokopt

#endif // TOKOPT_PASSES_CACHE_PASSES_H
