//===- WeightOps.cpp - Families of weights --------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Tok/Ranges.h"
#include "dialects/Tok/TokOps.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace tokopt::tok;

/// Weights computed one from another, in a row, at most: as deep as whoever
/// evaluates them has to go.
static constexpr int64_t kMaxChain = 32;

static int64_t getBytes(RankedTensorType type) {
  return type.getNumElements() / getBlock(type.getElementType()) *
         getBlockBytes(type.getElementType());
}

void WeightOp::build(OpBuilder &builder, OperationState &state, StringRef name,
                     DenseI64ArrayAttr layers, RankedTensorType type,
                     StringRef file, ArrayRef<int64_t> offsets) {
  build(builder, state, builder.getStringAttr(name), layers,
        TypeAttr::get(type), builder.getStringAttr(file),
        builder.getDenseI64ArrayAttr(offsets), /*source_type=*/TypeAttr(),
        /*families=*/ArrayAttr(), /*image=*/DenseI64ArrayAttr());
}

RankedTensorType WeightOp::getSourceTensorType() {
  std::optional<Type> type = getSourceType();
  return type ? cast<RankedTensorType>(*type) : getTensorType();
}

int64_t WeightOp::getMemberBytes() { return getBytes(getTensorType()); }

int64_t WeightOp::getSourceBytes() { return getBytes(getSourceTensorType()); }

int64_t WeightOp::getMember(int64_t layer) {
  std::optional<ArrayRef<int64_t>> layers = getLayers();
  if (!layers)
    return 0;
  const auto *found = llvm::lower_bound(*layers, layer);
  return found != layers->end() && *found == layer ? found - layers->begin()
                                                   : -1;
}

Block &WeightOp::getOrAddExpression(OpBuilder &builder) {
  if (hasExpression())
    return getExpression().front();
  setSourceType(getType());
  OpBuilder::InsertionGuard guard(builder);
  Block *block =
      builder.createBlock(&getExpression(), {}, {getTensorType()}, {getLoc()});
  YieldOp::create(builder, getLoc(), block->getArguments());
  return *block;
}

SmallVector<FlatSymbolRefAttr> WeightOp::getFamilySymbols() {
  if (!getFamilies())
    return {};
  return llvm::to_vector(getFamilies()->getAsRange<FlatSymbolRefAttr>());
}

SmallVector<WeightOp> tokopt::tok::getStoredWeights(ModuleOp module) {
  // Only a weight that an expression names may be one that nobody else reads.
  llvm::DenseSet<StringAttr> named, read;
  for (auto weight : module.getOps<WeightOp>())
    for (FlatSymbolRefAttr symbol : weight.getFamilySymbols())
      named.insert(symbol.getAttr());
  if (!named.empty())
    for (Operation &op : *module.getBody())
      if (!isa<WeightOp>(op))
        if (auto uses = SymbolTable::getSymbolUses(&op))
          for (SymbolTable::SymbolUse use : *uses)
            read.insert(use.getSymbolRef().getRootReference());
  SmallVector<WeightOp> stored;
  for (auto weight : module.getOps<WeightOp>())
    if (!named.contains(weight.getSymNameAttr()) ||
        read.contains(weight.getSymNameAttr()))
      stored.push_back(weight);
  return stored;
}

//===----------------------------------------------------------------------===//
// Verification
//===----------------------------------------------------------------------===//

/// Checks what a tensor in a file or an image may be. `where` says which.
static LogicalResult checkTensor(WeightOp op, RankedTensorType type,
                                 StringRef where) {
  auto error = [&] { return op.emitOpError(where) << "expects "; };
  Type element = type.getElementType();
  if (!isWeightElement(element))
    return error() << "a weight format, bf16, f16 or f32, but got " << element;
  if (type.getRank() < 1 || type.getRank() > 2 || !type.hasStaticShape())
    return error() << "a static vector or matrix, but got " << type;
  int64_t elements = 1;
  for (int64_t size : type.getShape())
    if (size <= 0 || llvm::MulOverflow(elements, size, elements) ||
        elements > (int64_t(1) << 48))
      return error() << "positive sizes of at most 2^48 elements, but got "
                     << type;
  if (type.getShape().back() % getBlock(element))
    return error() << "rows of a multiple of " << getBlock(element)
                   << " values, but got " << type.getShape().back();
  return success();
}

LogicalResult WeightOp::verify() {
  if (failed(checkTensor(*this, getTensorType(), "")))
    return failure();
  if (getSourceType() &&
      failed(checkTensor(*this, getSourceTensorType(), "in its source: ")))
    return failure();
  size_t members = getLayers() ? getLayers()->size() : 1;
  if (getOffsets().size() != members)
    return emitOpError("expects ")
           << members << " offsets, but got " << getOffsets().size();
  if (getImage() && getImage()->size() != members)
    return emitOpError("expects ")
           << members << " places in the image, but got " << getImage()->size();
  if (getLayers() &&
      (getLayers()->empty() ||
       !llvm::is_sorted(*getLayers(), std::less_equal<int64_t>()) ||
       getLayers()->front() < 0 || getLayers()->back() >= kMaxLayers))
    return emitOpError("expects ascending layers from 0 to ") << kMaxLayers - 1;
  for (int64_t offset : getOffsets())
    if (offset < 0)
      return emitOpError("expects offsets of at least 0, but got ") << offset;
  if (!hasExpression() && (getSourceType() || getFamilies()))
    return emitOpError("expects a region that computes it from ")
           << (getSourceType() ? "a source of another type" : "other families");
  if (hasExpression() && !getSourceType())
    return emitOpError("expects a type of its source, since it is computed");
  return success();
}

LogicalResult WeightOp::verifyRegions() {
  if (!hasExpression())
    return success();
  Block &block = getExpression().front();
  // The types of families are known only with the symbols.
  size_t arguments = 1 + getFamilySymbols().size();
  if (block.getNumArguments() != arguments)
    return emitOpError("expects a region of ")
           << arguments << " arguments, its source and its families, but it "
           << "has " << block.getNumArguments();
  if (block.getArgument(0).getType() != getSourceTensorType())
    return emitOpError("expects the region's first argument to be the source, ")
           << getSourceTensorType() << ", but it is "
           << block.getArgument(0).getType();
  auto yield = block.empty() ? YieldOp() : dyn_cast<YieldOp>(block.back());
  if (!yield)
    return emitOpError("expects a region that ends in tok.yield");
  for (Operation &op : block.without_terminator())
    if (!isa<WeightExpressionInterface>(op))
      return op.emitOpError("cannot stand in a tok.weight: expects ops that "
                            "work row by row, such as tok.dequantize, "
                            "tok.scale_columns and tok.quantize");
  if (yield.getNumOperands() != 1 ||
      yield.getValues().front().getType() != getTensorType())
    return yield.emitOpError("expects one value of the weight's type, ")
           << getTensorType() << ", but got " << yield.getOperandTypes();
  return success();
}

/// Checks that `family`, whose value is argument `index` of the expression,
/// has a member for each of the weight's.
static LogicalResult checkFamily(WeightOp op, WeightOp family, size_t index) {
  FlatSymbolRefAttr symbol = op.getFamilySymbols()[index];
  std::optional<ArrayRef<int64_t>> layers = op.getLayers();
  if (!layers && family.getLayers())
    return op.emitOpError("has no layers, so it expects ")
           << symbol << " to have none";
  if (layers)
    for (int64_t layer : *layers)
      if (family.getMember(layer) < 0) {
        InFlightDiagnostic error = op.emitOpError("expects ")
                                   << symbol << " to have layer " << layer;
        error.attachNote(family.getLoc()) << "the family has no such member";
        return error;
      }
  Type type = op.getExpression().front().getArgument(1 + index).getType();
  if (type != family.getTensorType())
    return op.emitOpError("expects argument ")
           << 1 + index << " of the region to be a member of " << symbol << ", "
           << family.getTensorType() << ", but it is " << type;
  return success();
}

LogicalResult WeightOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto lookup = [&](WeightOp op, FlatSymbolRefAttr symbol) {
    return symbols.lookupNearestSymbolFrom<WeightOp>(op, symbol);
  };
  llvm::SetVector<Operation *> level;
  for (auto [index, symbol] : llvm::enumerate(getFamilySymbols())) {
    WeightOp family = lookup(*this, symbol);
    if (!family)
      return emitOpError("expects ") << symbol << " to be a tok.weight";
    if (failed(checkFamily(*this, family, index)))
      return failure();
    level.insert(family);
  }
  // All weights that are `depth` steps away from this one, of either length of
  // way.
  for (int64_t depth = 1; !level.empty(); ++depth) {
    if (level.contains(*this))
      return emitOpError("is computed from itself");
    if (depth == kMaxChain)
      return emitOpError("expects at most ")
             << kMaxChain << " weights that are computed one from another";
    llvm::SetVector<Operation *> next;
    for (Operation *op : level)
      for (FlatSymbolRefAttr symbol : cast<WeightOp>(op).getFamilySymbols())
        if (WeightOp family = lookup(cast<WeightOp>(op), symbol))
          next.insert(family);
    level = std::move(next);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Canonicalization
//===----------------------------------------------------------------------===//

/// What the expression does not read is not named, and one that gives the
/// source as it is is none.
LogicalResult WeightOp::canonicalize(WeightOp op, PatternRewriter &rewriter) {
  if (!op.hasExpression())
    return rewriter.notifyMatchFailure(op, "is no expression");
  Block &block = op.getExpression().front();
  auto yield = cast<YieldOp>(block.back());
  if (yield.getValues().front() == block.getArgument(0)) {
    rewriter.modifyOpInPlace(op, [&] {
      op.removeSourceTypeAttr();
      op.removeFamiliesAttr();
    });
    rewriter.eraseBlock(&block);
    return success();
  }
  SmallVector<Attribute> read;
  BitVector unread(block.getNumArguments());
  for (auto [index, symbol] : llvm::enumerate(op.getFamilySymbols()))
    if (block.getArgument(1 + index).use_empty())
      unread.set(1 + index);
    else
      read.push_back(symbol);
  if (unread.none())
    return rewriter.notifyMatchFailure(op, "all of it is read");
  rewriter.modifyOpInPlace(op, [&] {
    block.eraseArguments(unread);
    if (read.empty())
      op.removeFamiliesAttr();
    else
      op.setFamiliesAttr(rewriter.getArrayAttr(read));
  });
  return success();
}
