//===- StructureOps.cpp - Layers as kinds that a stack applies ------------===//

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
    return emitOpError("expects as many kinds as layers and at least one, but got ")
           << getKindOf().size() << " and " << getLayers().size();
  for (int64_t kind : getKindOf())
    if (kind < 0 || kind >= static_cast<int64_t>(getKinds().size()))
      return emitOpError("expects the number of a kind below ")
             << getKinds().size() << ", but got " << kind;
  if (getCaches().getTypes() != getNextCaches().getTypes())
    return emitOpError("expects the results' caches to have the operands' types");
  return success();
}

LogicalResult StackOp::verifySymbolUses(SymbolTableCollection &symbols) {
  SmallVector<Type> inputs = {getInput().getType(), getRows().getType()};
  llvm::append_range(inputs, getCaches().getTypes());
  inputs.push_back(IndexType::get(getContext()));
  SmallVector<Type> results = {getOutput().getType()};
  llvm::append_range(results, getCaches().getTypes());
  auto expected = FunctionType::get(getContext(), inputs, results);
  for (auto symbol : getKinds().getAsRange<FlatSymbolRefAttr>()) {
    auto kind = symbols.lookupNearestSymbolFrom<func::FuncOp>(*this, symbol);
    if (!kind || !kind->hasAttr(kKindAttrName))
      return emitOpError("expects ") << symbol << " to be a function with '" << kKindAttrName << "'";
    if (kind.getFunctionType() != expected)
      return emitOpError("expects kind ")
             << symbol << " to have type " << expected << ", but it has " << kind.getFunctionType();
  }
  return success();
}
