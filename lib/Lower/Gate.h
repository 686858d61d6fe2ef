//===- Gate.h - Activations of gates on scalars -----------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LOWER_GATE_H
#define TOKOPT_LOWER_GATE_H

#include "dialects/Tok/TokOps.h"

#include "mlir/IR/Builders.h"

namespace tokopt {

/// `activation(gate) * up` on f32 scalars, as a kernel's region holds it.
mlir::Value emitGate(mlir::OpBuilder &builder, mlir::Location loc,
                     tok::Activation activation, mlir::Value gate,
                     mlir::Value up);

} // namespace tokopt

#endif // TOKOPT_LOWER_GATE_H
