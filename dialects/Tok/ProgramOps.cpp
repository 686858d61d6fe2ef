//===- ProgramOps.cpp - Which kernel runs when, on which buffer -----------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Tok/TokOps.h"

using namespace mlir;
using namespace tokopt::tok;

//===----------------------------------------------------------------------===//
// BufferOp
//===----------------------------------------------------------------------===//

int64_t BufferOp::getRowBytes() {
  MemRefType type = getBufferType();
  return llvm::alignTo(type.getDimSize(1) * type.getElementTypeBitWidth() / 8,
                       64);
}

LogicalResult BufferOp::verify() {
  MemRefType type = getBufferType();
  if (type.getRank() != 2 || !type.isDynamicDim(0) || type.isDynamicDim(1) ||
      type.getDimSize(1) <= 0 || !type.getElementType().isIntOrFloat())
    return emitOpError("expects memref<?xN> of numbers, but got ") << type;
  if (getOffset() &&
      (static_cast<int64_t>(*getOffset()) < 0 || *getOffset() % 64))
    return emitOpError("expects an offset of a multiple of 64, but got ")
           << *getOffset();
  if (getWorkerRows() && static_cast<int64_t>(*getWorkerRows()) <= 0)
    return emitOpError("expects worker_rows to be positive, but got ")
           << static_cast<int64_t>(*getWorkerRows());
  return success();
}

//===----------------------------------------------------------------------===//
// KernelOp
//===----------------------------------------------------------------------===//

namespace {

/// What the kernels of a family have: names in the configuration and numbers of
/// operands, where -1 is one or more.
struct Family {
  StringRef name;
  SmallVector<StringRef> integers, floats, names;
  int inputs, outputs;
};

} // namespace

static const Family *findFamily(StringRef name) {
  static const Family families[] = {
      {"embed", {"columns"}, {"scale"}, {}, 1, 1},
      {"angles", {"dims", "head"}, {"base"}, {"pairs"}, 0, 1},
      {"rowwise", {"columns"}, {}, {}, -1, -1},
      {"linear", {"matrices", "inputs", "outputs"}, {}, {"compute"}, -1, 1},
      {"attention",
       {"heads", "window", "cache", "context"},
       {"scale"},
       {},
       2,
       1},
      {"sample", {"vocab"}, {}, {}, 3, 1},
  };
  const auto *found =
      llvm::find_if(families, [&](const Family &f) { return f.name == name; });
  return found == std::end(families) ? nullptr : found;
}

/// Checks that templates find in `op` what they ask of kernels of `family`.
static LogicalResult checkFamily(KernelOp op, const Family &family) {
  auto check = [&](ArrayRef<StringRef> names, StringRef what,
                   auto isRight) -> LogicalResult {
    for (StringRef name : names) {
      Attribute value = op.getConfig().get(name);
      if (!value || !isRight(value))
        return op.emitOpError("expects '")
               << name << "' to be " << what << " in the configuration of '"
               << family.name << "'";
    }
    return success();
  };
  if (failed(check(family.integers, "an integer",
                   [](Attribute a) { return isa<IntegerAttr>(a); })) ||
      failed(check(family.floats, "a float",
                   [](Attribute a) { return isa<FloatAttr>(a); })) ||
      failed(check(family.names, "a string",
                   [](Attribute a) { return isa<StringAttr>(a); })))
    return failure();
  auto checkCount = [&](StringRef what, int expected,
                        size_t count) -> LogicalResult {
    if (expected < 0 ? count > 0 : count == static_cast<size_t>(expected))
      return success();
    InFlightDiagnostic error = op.emitOpError("expects ");
    if (expected < 0)
      error << "at least 1 ";
    else
      error << expected << " ";
    return error << what << " of '" << family.name << "', but got " << count;
  };
  if (failed(checkCount("inputs", family.inputs, op.getInputs().size())) ||
      failed(checkCount("outputs", family.outputs, op.getOutputs().size())))
    return failure();
  if (family.name == "attention" &&
      !isa<CacheType>(op.getInputs()[1].getType()))
    return op.emitOpError("expects the second input of 'attention' to be a "
                          "cache, but got ")
           << op.getInputs()[1].getType();
  return success();
}

LogicalResult KernelOp::verify() {
  const Family *family = findFamily(getFamily());
  if (!family)
    return emitOpError("has an unknown family '") << getFamily() << "'";
  if (failed(checkFamily(*this, *family)))
    return failure();
  auto isCache = [](Type type) { return isa<CacheType>(type); };
  if (!getLayer() && (llvm::any_of(getInputs().getTypes(), isCache) ||
                      llvm::any_of(getOutputs().getTypes(), isCache)))
    return emitOpError("expects a layer for its cache");
  for (Region *region : {&getPrologue(), &getEpilogue()}) {
    if (region->empty())
      continue;
    // An empty block is refused only after its parent, so there may be no last
    // op.
    if (!region->hasOneBlock() || region->front().empty() ||
        !isa<YieldOp>(region->front().back()))
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
