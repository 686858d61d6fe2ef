//===- ProgramOps.cpp - Which kernel runs when, on which buffer -----------===//

#include "dialects/Tok/TokOps.h"

using namespace mlir;
using namespace tokopt::tok;

//===----------------------------------------------------------------------===//
// BufferOp
//===----------------------------------------------------------------------===//

int64_t BufferOp::getRowBytes() {
  MemRefType type = getBufferType();
  return llvm::alignTo(type.getDimSize(1) * type.getElementTypeBitWidth() / 8, 64);
}

LogicalResult BufferOp::verify() {
  MemRefType type = getBufferType();
  if (type.getRank() != 2 || !type.isDynamicDim(0) || type.isDynamicDim(1) ||
      type.getDimSize(1) <= 0 || !type.getElementType().isIntOrFloat())
    return emitOpError("expects memref<?xN> of numbers, but got ") << type;
  if (getOffset() && (static_cast<int64_t>(*getOffset()) < 0 || *getOffset() % 64))
    return emitOpError("expects an offset of a multiple of 64, but got ") << *getOffset();
  return success();
}

//===----------------------------------------------------------------------===//
// KernelOp
//===----------------------------------------------------------------------===//

static constexpr llvm::StringLiteral kFamilies[] = {"embed",  "angles",    "rowwise",
                                                    "linear", "attention", "sample"};

LogicalResult KernelOp::verify() {
  if (!llvm::is_contained(kFamilies, getFamily()))
    return emitOpError("has an unknown family '") << getFamily() << "'";
  for (Region *region : {&getPrologue(), &getEpilogue()}) {
    if (region->empty())
      continue;
    // An empty block is refused only after its parent, so there may be no last op.
    if (!region->hasOneBlock() || region->front().empty() || !isa<YieldOp>(region->front().back()))
      return emitOpError("expects regions of one block that ends in tok.yield");
  }
  return success();
}

LogicalResult KernelOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (!getWeights())
    return success();
  for (auto symbol : getWeights()->getAsRange<FlatSymbolRefAttr>()) {
    auto weight = symbols.lookupNearestSymbolFrom<WeightOp>(*this, symbol);
    if (!weight)
      return emitOpError("expects ") << symbol << " to be a tok.weight";
    if (weight.getLayers() && !getLayer())
      return emitOpError("expects a layer for the family ") << symbol;
  }
  return success();
}
