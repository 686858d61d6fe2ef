//===- Regions.cpp - Scalar regions cloned on vectors ---------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Common/Regions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::kernels;

FailureOr<Vals>
kernels::cloneRegion(Emitter &e, Region &region, ArrayRef<Val> arguments,
                     int64_t lanes,
                     function_ref<Val(Operation *, Val)> structured) {
  Block &block = region.front();
  if (arguments.size() != block.getNumArguments())
    return region.getParentOp()->emitOpError("expects a region of ")
           << arguments.size() << " arguments, but it has "
           << block.getNumArguments();
  IRMapping mapping;
  for (auto [from, to] : llvm::zip_equal(block.getArguments(), arguments))
    mapping.map(from, to.value);
  for (Operation &op : block.without_terminator()) {
    if (isa<tok::ReduceRowOp, tok::PartnerOp>(op)) {
      Val value =
          structured ? structured(&op, e.wrap(mapping.lookup(op.getOperand(0))))
                     : Val();
      if (!value.value)
        return op.emitOpError("cannot stand in this region of a kernel");
      mapping.map(op.getResult(0), value.value);
      continue;
    }
    // The vocabulary's exponential takes no NaN and ends at exp(88), so only
    // whoever knows the operand asks for it; upstream's serves every other.
    constexpr auto finite =
        arith::FastMathFlags::nnan | arith::FastMathFlags::ninf;
    if (auto exp = dyn_cast<math::ExpOp>(op);
        exp && arith::bitEnumContainsAll(exp.getFastmath(), finite)) {
      mapping.map(exp.getResult(),
                  e.exp(e.wrap(mapping.lookup(exp.getOperand()))).value);
      continue;
    }
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      auto value = dyn_cast<FloatAttr>(constant.getValue());
      if (!value)
        return op.emitOpError(
            "expects constants of a kernel's region to be floats");
      Val scalar = e.constant(value.getValueAsDouble(), value.getType());
      mapping.map(constant.getResult(), e.splat(scalar, lanes).value);
      continue;
    }
    Dialect *dialect = op.getDialect();
    if (!isa<arith::ArithDialect, math::MathDialect>(dialect) ||
        op.getNumResults() != 1)
      return op.emitOpError(
          "cannot stand in a region of a kernel: only arith and math can");
    Operation *clone = e.builder.clone(op, mapping);
    for (auto [result, cloned] :
         llvm::zip_equal(op.getResults(), clone->getResults())) {
      Type element = getElementTypeOrSelf(result.getType());
      cloned.setType(e.vec(lanes, element));
    }
  }
  Vals results;
  for (Value value : block.getTerminator()->getOperands())
    results.push_back(e.wrap(mapping.lookup(value)));
  return results;
}
