//===- Gate.cpp - Activations of gates on scalars -------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Lower/Gate.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace tokopt;

Value tokopt::emitGate(OpBuilder &builder, Location loc,
                       tok::Activation activation, Value gate, Value up) {
  auto number = [&](double v) -> Value {
    return arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(v));
  };
  // The exponential of kernels stops at exp(88). Divided by it the gate is
  // below 1e-35, and what a larger one would give is nearer to zero still.
  auto exponential = [&](Value v) -> Value {
    return math::ExpOp::create(builder, loc, v,
                               arith::FastMathFlags::nnan |
                                   arith::FastMathFlags::ninf);
  };
  Value activated;
  if (activation == tok::Activation::Silu) {
    Value denominator = arith::AddFOp::create(
        builder, loc, exponential(arith::NegFOp::create(builder, loc, gate)),
        number(1.0));
    activated = arith::DivFOp::create(builder, loc, gate, denominator);
  } else {
    // 0.5 x (1 + tanh(y)) = x / (1 + exp(-2 y)), y = sqrt(2/pi) (x + 0.044715
    // x^3)
    Value square = arith::MulFOp::create(builder, loc, gate, gate);
    Value inner = math::FmaOp::create(builder, loc, square, number(0.044715),
                                      number(1.0));
    Value y = arith::MulFOp::create(builder, loc, gate, inner);
    Value scaled = arith::MulFOp::create(builder, loc, y,
                                         number(-2.0 * 0.7978845608028654));
    Value denominator =
        arith::AddFOp::create(builder, loc, exponential(scaled), number(1.0));
    activated = arith::DivFOp::create(builder, loc, gate, denominator);
  }
  return arith::MulFOp::create(builder, loc, activated, up);
}
