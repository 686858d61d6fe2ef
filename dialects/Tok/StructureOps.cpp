//===- StructureOps.cpp - Layers as kinds that a stack applies ------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Tok/CacheUses.h"
#include "dialects/Tok/Ranges.h"
#include "dialects/Tok/TokOps.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace tokopt::tok;

//===----------------------------------------------------------------------===//
// StackOp
//===----------------------------------------------------------------------===//

LogicalResult StackOp::verify() {
  if (getLayers().empty() || getLayers().size() != getKindOf().size())
    return emitOpError(
               "expects as many kinds as layers and at least one, but got ")
           << getKindOf().size() << " and " << getLayers().size();
  for (int64_t kind : getKindOf())
    if (kind < 0 || kind >= static_cast<int64_t>(getKinds().size()))
      return emitOpError("expects the number of a kind below ")
             << getKinds().size() << ", but got " << kind;
  for (int64_t layer : getLayers())
    if (layer < 0 || layer >= kMaxLayers)
      return emitOpError("expects layers below ")
             << kMaxLayers << ", but got " << layer;
  if (getCaches().getTypes() != getNextCaches().getTypes())
    return emitOpError(
        "expects the results' caches to have the operands' types");
  for (Value cache : llvm::concat<Value>(llvm::to_vector(getCaches()),
                                         llvm::to_vector(getNextCaches())))
    if (failed(verifyCacheUses(cache)))
      return failure();
  return success();
}

/// Checks that what `kind` reads of a layer has each of `layers`. The layer is
/// the kind's argument: of any other number nothing would be known.
static LogicalResult checkLayers(StackOp op, func::FuncOp kind,
                                 ArrayRef<int64_t> layers,
                                 SymbolTableCollection &symbols) {
  Value argument = kind.getArguments().back();
  auto refuse = [&](int64_t layer, Location where,
                    const char *why) -> LogicalResult {
    return op.emitOpError("applies ")
               .append(kind.getSymNameAttr(), " to layer ", layer,
                       ", which it cannot read")
               .attachNote(where)
           << why;
  };
  auto checkArgument = [&](Operation *reader, Value layer) -> LogicalResult {
    if (!layer || layer == argument)
      return success();
    return reader->emitOpError("expects its layer to be the last argument of "
                               "its kind");
  };
  WalkResult result = kind.walk([&](Operation *reader) -> WalkResult {
    if (auto user = dyn_cast<WeightUserInterface>(reader)) {
      if (failed(checkArgument(reader, user.getWeightLayer())))
        return failure();
      for (FlatSymbolRefAttr symbol : user.getWeightSymbols()) {
        auto weight = symbols.lookupNearestSymbolFrom<WeightOp>(reader, symbol);
        for (int64_t layer : layers)
          if (weight && weight.getMember(layer) < 0)
            return refuse(layer, weight.getLoc(),
                          "the family has no such member");
      }
    }
    if (auto user = dyn_cast<CacheUserInterface>(reader)) {
      if (failed(checkArgument(reader, user.getCacheLayer())))
        return failure();
      auto type = cast<CacheType>(user.getCacheOperand().get().getType());
      for (int64_t layer : layers)
        if (type.indexOfLayer(layer) < 0)
          return refuse(layer, reader->getLoc(), "the cache has no such layer");
    }
    return success();
  });
  return failure(result.wasInterrupted());
}

/// Checks that the entries of `op` are the layers that the runtime counts: it
/// gives a step one range, below the `layers` of the model.
static LogicalResult checkModel(StackOp op) {
  auto function = op->getParentOfType<func::FuncOp>();
  if (function && function->hasAttr(kKindAttrName))
    return op.emitOpError("expects to stand in an entry, but stands in the "
                          "kind ")
           << function.getSymNameAttr();
  ModelAttr model = findModel(op);
  if (!model || !function)
    return success();
  if (static_cast<int64_t>(op.getLayers().size()) != model.getLayers())
    return op.emitOpError("expects as many layers as the ")
           << model.getLayers() << " of '" << kModelAttrName << "', but got "
           << op.getLayers().size() << "; to prune or add a layer, change both";
  StackOp first;
  function.walk([&](StackOp other) {
    first = other;
    return WalkResult::interrupt();
  });
  if (first == op)
    return success();
  return op.emitOpError("expects to be the only one of its entry: a step has "
                        "one range of layers and one frontier; an encoder or a "
                        "drafter is a model in a module of its own")
             .attachNote(first.getLoc())
         << "the other one is here";
}

LogicalResult StackOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (failed(checkModel(*this)))
    return failure();
  SmallVector<Type> inputs = {getInput().getType(), getRows().getType()};
  llvm::append_range(inputs, getCaches().getTypes());
  inputs.push_back(IndexType::get(getContext()));
  SmallVector<Type> results = {getOutput().getType()};
  llvm::append_range(results, getCaches().getTypes());
  auto expected = FunctionType::get(getContext(), inputs, results);
  for (auto [number, symbol] :
       llvm::enumerate(getKinds().getAsRange<FlatSymbolRefAttr>())) {
    auto kind = symbols.lookupNearestSymbolFrom<func::FuncOp>(*this, symbol);
    if (!kind || !kind->hasAttr(kKindAttrName))
      return emitOpError("expects ")
             << symbol << " to be a function with '" << kKindAttrName << "'";
    if (kind.getFunctionType() != expected)
      return emitOpError("expects kind ")
             << symbol << " to have type " << expected << ", but it has "
             << kind.getFunctionType();
    SmallVector<int64_t> layers;
    for (auto [of, layer] : llvm::zip_equal(getKindOf(), getLayers()))
      if (of == static_cast<int64_t>(number))
        layers.push_back(layer);
    if (failed(checkLayers(*this, kind, layers, symbols)))
      return failure();
  }
  return success();
}
