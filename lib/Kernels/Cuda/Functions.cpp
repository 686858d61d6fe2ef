//===- Functions.cpp - What regions of CUDA kernels may hold --------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cuda/Functions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

LogicalResult tokopt::cuda::checkFunctions(Region &region) {
  if (region.empty())
    return success();
  for (Operation &inner : region.front()) {
    if (auto exp = dyn_cast<math::ExpOp>(inner);
        exp && !arith::bitEnumContainsAll(exp.getFastmath(),
                                          arith::FastMathFlags::nnan |
                                              arith::FastMathFlags::ninf))
      return inner.emitOpError("cannot stand in a CUDA kernel: expected exp "
                               "with fastmath<nnan,ninf>");
    if (isa_and_nonnull<math::MathDialect>(inner.getDialect()) &&
        !isa<math::SqrtOp, math::FmaOp, math::AbsFOp, math::RoundEvenOp,
             math::ExpOp>(inner))
      return inner.emitOpError("cannot stand in a CUDA kernel: expected "
                               "arith, or sqrt, fma, absf, roundeven or exp "
                               "of math");
  }
  return success();
}
