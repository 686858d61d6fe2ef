//===- RowOps.cpp - What happens to each row alone ------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Tok/Reads.h"
#include "dialects/Tok/TokOps.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace tokopt::tok;

/// `T x N` or `T x H x D` seen as `T x N`: the number of columns, or kDynamic.
static int64_t getColumns(Type type) {
  int64_t columns = 1;
  for (int64_t size : cast<RankedTensorType>(type).getShape().drop_front()) {
    if (ShapedType::isDynamic(size))
      return ShapedType::kDynamic;
    columns *= size;
  }
  return columns;
}

/// Looks up `symbol` and checks that it can be read by `op`: it exists, and it
/// has the layer that the op names, or none if it names none.
static FailureOr<WeightOp> lookupWeight(Operation *op, FlatSymbolRefAttr symbol,
                                        Value layer,
                                        SymbolTableCollection &symbols) {
  auto weight = symbols.lookupNearestSymbolFrom<WeightOp>(op, symbol);
  if (!weight)
    return op->emitOpError("expects ") << symbol << " to be a tok.weight";
  if (layer && !weight.getLayers())
    return op->emitOpError("names a layer of ")
           << symbol << ", which has no layers";
  if (!layer && weight.getLayers())
    return op->emitOpError("expects a layer for the family ") << symbol;
  if (layer && failed(verifyWeightLayer(op, layer, weight)))
    return failure();
  return weight;
}

static LogicalResult checkVector(Operation *op, FlatSymbolRefAttr symbol,
                                 Value layer, int64_t size,
                                 SymbolTableCollection &symbols) {
  FailureOr<WeightOp> weight = lookupWeight(op, symbol, layer, symbols);
  if (failed(weight))
    return failure();
  RankedTensorType type = weight->getTensorType();
  if (type.getRank() != 1 || type.getDimSize(0) != size ||
      !type.getElementType().isF32())
    return op->emitOpError("expects ")
           << symbol << " to be tensor<" << size << "xf32>, but it is " << type;
  return success();
}

static LogicalResult checkMatrix(Operation *op, FlatSymbolRefAttr symbol,
                                 Value layer, int64_t outputs, int64_t inputs,
                                 SymbolTableCollection &symbols) {
  FailureOr<WeightOp> weight = lookupWeight(op, symbol, layer, symbols);
  if (failed(weight))
    return failure();
  RankedTensorType type = weight->getTensorType();
  if (type.getRank() != 2)
    return op->emitOpError("expects ")
           << symbol << " to be a matrix, but it is " << type;
  if (type.getDimSize(1) != inputs)
    return op->emitOpError("expects ") << symbol << " to have " << inputs
                                       << " inputs a row, but it is " << type;
  if (outputs != ShapedType::kDynamic && type.getDimSize(0) != outputs)
    return op->emitOpError("expects ") << symbol << " to have " << outputs
                                       << " outputs, but it is " << type;
  return success();
}

static LogicalResult checkStaticColumns(Operation *op, Type type) {
  if (ShapedType::isDynamic(getColumns(type)))
    return op->emitOpError("expects static sizes but for the rows, but got ")
           << type;
  return success();
}

//===----------------------------------------------------------------------===//
// EmbedOp
//===----------------------------------------------------------------------===//

LogicalResult EmbedOp::verify() {
  return checkStaticColumns(*this, getOutput().getType());
}

LogicalResult EmbedOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (failed(checkMatrix(*this, getWeightAttr(), nullptr, ShapedType::kDynamic,
                         getColumns(getOutput().getType()), symbols)))
    return failure();
  return verifyVocabulary(
      *this, symbols.lookupNearestSymbolFrom<WeightOp>(*this, getWeightAttr()));
}

SmallVector<FlatSymbolRefAttr> EmbedOp::getWeightSymbols() {
  return {getWeightAttr()};
}
Value EmbedOp::getWeightLayer() { return {}; }

//===----------------------------------------------------------------------===//
// NormOp
//===----------------------------------------------------------------------===//

LogicalResult NormOp::verify() {
  if (failed(checkStaticColumns(*this, getInput().getType())))
    return failure();
  if (!(getEps().convertToFloat() >= 0.0f))
    return emitOpError("expects eps of at least 0, but got ")
           << getEps().convertToFloat();
  if (getBias() && getKind() == NormKind::Rms)
    return emitOpError("expects no bias for an rms norm");
  return success();
}

LogicalResult NormOp::verifySymbolUses(SymbolTableCollection &symbols) {
  int64_t size = cast<RankedTensorType>(getInput().getType()).getShape().back();
  for (FlatSymbolRefAttr symbol : getWeightSymbols())
    if (failed(checkVector(*this, symbol, getLayer(), size, symbols)))
      return failure();
  return success();
}

SmallVector<FlatSymbolRefAttr> NormOp::getWeightSymbols() {
  SmallVector<FlatSymbolRefAttr> symbols = {getWeightAttr()};
  if (getBiasAttr())
    symbols.push_back(getBiasAttr());
  return symbols;
}
Value NormOp::getWeightLayer() { return getLayer(); }

//===----------------------------------------------------------------------===//
// LinearOp
//===----------------------------------------------------------------------===//

LogicalResult LinearOp::verify() {
  if (failed(checkStaticColumns(*this, getInput().getType())) ||
      failed(checkStaticColumns(*this, getOutput().getType())))
    return failure();
  if (std::optional<ComputeAttr> compute = getCompute())
    if (getColumns(getInput().getType()) % compute->getBlock())
      return emitOpError("expects a multiple of ")
             << compute->getBlock() << " inputs to compute in i8, but got "
             << getColumns(getInput().getType());
  return success();
}

LogicalResult LinearOp::verifySymbolUses(SymbolTableCollection &symbols) {
  int64_t outputs = getColumns(getOutput().getType());
  if (failed(checkMatrix(*this, getWeightAttr(), getLayer(), outputs,
                         getColumns(getInput().getType()), symbols)))
    return failure();
  return getBiasAttr()
             ? checkVector(*this, getBiasAttr(), getLayer(), outputs, symbols)
             : success();
}

SmallVector<FlatSymbolRefAttr> LinearOp::getWeightSymbols() {
  SmallVector<FlatSymbolRefAttr> symbols = {getWeightAttr()};
  if (getBiasAttr())
    symbols.push_back(getBiasAttr());
  return symbols;
}
Value LinearOp::getWeightLayer() { return getLayer(); }

//===----------------------------------------------------------------------===//
// RopeOp
//===----------------------------------------------------------------------===//

LogicalResult RopeOp::verify() {
  if (failed(checkStaticColumns(*this, getInput().getType())))
    return failure();
  int64_t size = getInput().getType().getDimSize(2);
  int64_t dims = getDims();
  if (dims <= 0 || dims % 2 || dims > size)
    return emitOpError(
               "expects an even number of dims of at most the head size ")
           << size << ", but got " << dims;
  if (!(getBase().convertToDouble() > 0.0))
    return emitOpError("expects a positive base, but got ")
           << getBase().convertToDouble();
  return success();
}

//===----------------------------------------------------------------------===//
// TakeOp
//===----------------------------------------------------------------------===//

LogicalResult TakeOp::verify() {
  if (getOutput().getType().getDimSize(0) !=
          getIndices().getType().getDimSize(0) ||
      getOutput().getType().getDimSize(1) != getInput().getType().getDimSize(1))
    return emitOpError("expects an output of the indices' rows and the input's "
                       "columns, but got ")
           << getOutput().getType();
  if (static_cast<bool>(getRows()) != static_cast<bool>(getOutputRows()))
    return emitOpError(
        "expects the columns of the rows to be taken if and only if given");
  return success();
}
