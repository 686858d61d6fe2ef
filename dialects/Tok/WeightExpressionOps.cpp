//===- WeightExpressionOps.cpp - What weights are computed by -------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Tok/TokOps.h"

using namespace mlir;
using namespace tokopt::tok;

LogicalResult tokopt::tok::verifyWeightExpression(Operation *op) {
  if (op->getNumResults() != 1)
    return op->emitOpError("expects one result, as all ops that weights are "
                           "computed by, but has ")
           << op->getNumResults();
  auto output = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  for (Type operand : op->getOperandTypes()) {
    auto input = dyn_cast<RankedTensorType>(operand);
    if (!input || !output)
      return op->emitOpError("expects operands and a result of ranked tensors");
    if (input.getRank() == 2 &&
        (output.getRank() != 2 || input.getDimSize(0) != output.getDimSize(0)))
      return op->emitOpError("expects as many rows of its result as of its "
                             "matrix ")
             << input << ", but got " << output;
  }
  return success();
}

/// Checks that `type` has whole blocks in each row.
static LogicalResult checkRows(Operation *op, RankedTensorType type) {
  int64_t columns = type.getShape().back();
  int64_t block = getBlock(type.getElementType());
  if (ShapedType::isDynamic(columns))
    return op->emitOpError("expects a static number of columns, but got ")
           << type;
  if (columns % block)
    return op->emitOpError("expects rows of a multiple of ")
           << block << " values, but got " << columns;
  return success();
}

//===----------------------------------------------------------------------===//
// DequantizeOp
//===----------------------------------------------------------------------===//

LogicalResult DequantizeOp::verify() {
  return checkRows(*this, getInput().getType());
}

/// Numbers are their own values.
OpFoldResult DequantizeOp::fold(FoldAdaptor) {
  if (getInput().getType() == getOutput().getType())
    return getInput();
  return {};
}

//===----------------------------------------------------------------------===//
// QuantizeOp
//===----------------------------------------------------------------------===//

LogicalResult QuantizeOp::verify() {
  RankedTensorType type = getOutput().getType();
  if (!hasRounding(type.getElementType()))
    return emitOpError("has no definition for ")
           << type.getElementType()
           << ", whose scales are found by a search; expects f32, f16, q8_0, "
              "q5_0, q4_1 or q4_0, or a file that a quantizer wrote and "
              "'source' reads";
  return checkRows(*this, type);
}

/// Numbers are their own values. The way through a smaller format and back is
/// no identity: a block whose largest number is not the format's largest gets
/// another scale.
OpFoldResult QuantizeOp::fold(FoldAdaptor) {
  if (getInput().getType() == getOutput().getType())
    return getInput();
  return {};
}

//===----------------------------------------------------------------------===//
// ScaleColumnsOp
//===----------------------------------------------------------------------===//

LogicalResult ScaleColumnsOp::verify() {
  return checkRows(*this, getInput().getType());
}
