//===- Reads.cpp - What an op may read of a weight or cache ---------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Tok/Reads.h"

#include "dialects/Tok/TokOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace tokopt::tok;

/// Checks that `layer` of `what` is one that `has` knows.
static LogicalResult verifyLayer(Operation *reader, Value layer,
                                 const Twine &what, Location place,
                                 llvm::function_ref<bool(int64_t)> has) {
  auto function = reader->getParentOfType<func::FuncOp>();
  if (function && function->hasAttr(kKindAttrName))
    return success();
  // The constant need not have been verified yet.
  auto constant = layer.getDefiningOp<arith::ConstantOp>();
  auto number = constant
                    ? dyn_cast_or_null<IntegerAttr>(constant.getValueAttr())
                    : IntegerAttr();
  if (!number)
    return reader->emitOpError("expects the layer of ")
           << what << " to be an arith.constant: only a function with '"
           << kKindAttrName << "' has a layer that a tok.stack gives it";
  if (has(number.getInt()))
    return success();
  InFlightDiagnostic error = reader->emitOpError("names layer ")
                             << number.getInt() << " of " << what
                             << ", which has no such layer";
  if (place != reader->getLoc())
    error.attachNote(place) << "the family is here";
  return error;
}

LogicalResult tokopt::tok::verifyWeightLayer(Operation *reader, Value layer,
                                             WeightOp weight) {
  return verifyLayer(reader, layer, "@" + weight.getSymName(), weight.getLoc(),
                     [&](int64_t n) { return weight.getMember(n) >= 0; });
}

LogicalResult tokopt::tok::verifyCacheLayer(Operation *op) {
  auto user = cast<CacheUserInterface>(op);
  // What is no cache is refused by the op itself.
  auto type = dyn_cast<CacheType>(user.getCacheOperand().get().getType());
  if (!type)
    return success();
  return verifyLayer(op, user.getCacheLayer(), "its cache", op->getLoc(),
                     [&](int64_t n) { return type.indexOfLayer(n) >= 0; });
}

LogicalResult tokopt::tok::verifyVocabulary(Operation *reader,
                                            WeightOp weight) {
  ModelAttr model = findModel(reader);
  RankedTensorType type = weight.getTensorType();
  if (!model || type.getDimSize(0) >= model.getVocab())
    return success();
  return reader->emitOpError("expects @")
         << weight.getSymName() << " to have a row for each of the model's "
         << model.getVocab() << " tokens, but it is " << type;
}
