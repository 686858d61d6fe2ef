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
#include "llvm/ADT/TypeSwitch.h"

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

/// Checks that what `kind` reads of a layer has each of `layers`.
static LogicalResult checkLayers(StackOp op, func::FuncOp kind,
                                 ArrayRef<int64_t> layers,
                                 SymbolTableCollection &symbols) {
  Value layerArgument = kind.getArguments().back();
  WalkResult result = kind.walk([&](Operation *reader) -> WalkResult {
    auto refuse = [&](int64_t layer, Location where,
                      const char *why) -> LogicalResult {
      return op.emitOpError("applies ")
                 .append(kind.getSymNameAttr(), " to layer ", layer,
                         ", which it cannot read")
                 .attachNote(where)
             << why;
    };
    if (auto user = dyn_cast<WeightUserInterface>(reader)) {
      if (user.getWeightLayer() != layerArgument)
        return success();
      for (FlatSymbolRefAttr symbol : user.getWeightSymbols()) {
        auto weight = symbols.lookupNearestSymbolFrom<WeightOp>(reader, symbol);
        for (int64_t layer : layers)
          if (weight && weight.getMember(layer) < 0)
            return refuse(layer, weight.getLoc(),
                          "the family has no such member");
      }
      return success();
    }
    auto check = [&](auto user) -> LogicalResult {
      if (user.getLayer() != layerArgument)
        return success();
      for (int64_t layer : layers)
        if (user.getCache().getType().indexOfLayer(layer) < 0)
          return refuse(layer, user.getLoc(), "the cache has no such layer");
      return success();
    };
    return llvm::TypeSwitch<Operation *, LogicalResult>(reader)
        .Case<AppendOp, AttentionOp>(check)
        .Default(success());
  });
  return failure(result.wasInterrupted());
}

LogicalResult StackOp::verifySymbolUses(SymbolTableCollection &symbols) {
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
