//===- Passes.h - Passes of the CPU target ----------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_TARGET_CPU_PASSES_H
#define TOKOPT_LIB_TARGET_CPU_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace tokopt::cpu {

#define GEN_PASS_DECL
#include "lib/Target/Cpu/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "lib/Target/Cpu/Passes.h.inc"

} // namespace tokopt::cpu

#endif // TOKOPT_LIB_TARGET_CPU_PASSES_H
