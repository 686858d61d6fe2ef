//===- Decompose.cpp - Replace every op by its definition -----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Decompose.h"

#include "CacheLayout.h"
#include "Dequantize.h"
#include "Passes.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace tokopt::reference {
#define GEN_PASS_DEF_DECOMPOSEPASS
#include "lib/Reference/Passes.h.inc"
} // namespace tokopt::reference

using namespace mlir;
using namespace tokopt;
using namespace tokopt::reference;

//===----------------------------------------------------------------------===//
// Rows and caches in parts
//===----------------------------------------------------------------------===//

PartsConverter::PartsConverter() {
  addConversion([](Type type) { return type; });
  addConversion([](RankedTensorType type) -> std::optional<Type> {
    Type element = type.getElementType();
    if (!isa<tok::FormatInterface>(element))
      return std::nullopt;
    SmallVector<int64_t> shape(type.getShape());
    shape.back() =
        shape.back() / tok::getBlock(element) * tok::getBlockBytes(element);
    return RankedTensorType::get(shape, IntegerType::get(type.getContext(), 8));
  });
  addConversion([](tok::RowsType type, SmallVectorImpl<Type> &types) {
    auto column = RankedTensorType::get(
        {ShapedType::kDynamic}, IntegerType::get(type.getContext(), 32));
    types.append(type.getColumns().size(), column);
    return success();
  });
  addConversion([](tok::CacheType type, SmallVectorImpl<Type> &types) {
    getCachePartTypes(type, types);
    return success();
  });
}

Value reference::getColumn(tok::RowsType type, ValueRange parts,
                           StringRef name) {
  for (auto [column, part] : llvm::zip_equal(type.getColumns(), parts))
    if (column.getValue() == name)
      return part;
  return {};
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

Term reference::findLayer(Emitter &b, ArrayRef<int64_t> layers, Value layer) {
  if (layers.back() - layers.front() + 1 == static_cast<int64_t>(layers.size()))
    return b.term(layer) - layers.front();
  // A table from layer to number; layers that are not in the list are never
  // asked for.
  SmallVector<int64_t> numbers(layers.back() + 1, 0);
  for (auto [number, member] : llvm::enumerate(layers))
    numbers[member] = number;
  auto type = RankedTensorType::get(numbers.size(), b.getI64Type());
  Value table = arith::ConstantOp::create(
      b, DenseElementsAttr::get(type, ArrayRef(numbers)));
  return toIndex(b.extract(table, layer));
}

Value WeightPlace::readRows(Emitter &b, Term first, int64_t count) const {
  Type format = type.getElementType();
  int64_t columns = type.getShape().back();
  int64_t rowBytes =
      columns / tok::getBlock(format) * tok::getBlockBytes(format);
  Term begin = offset + first * rowBytes;
  return dequantizeRows(
      b, format, bytes, b.getIndexAttr(count), columns,
      [&](Emitter &b, Term row) { return begin + row * rowBytes; });
}

Value WeightPlace::readVector(Emitter &b) const {
  return tensor::CollapseShapeOp::create(
      b, readRows(b, b.index(0), 1), ArrayRef<ReassociationIndices>{{0, 1}});
}

static constexpr int64_t kWeightAlignment = 64;
static constexpr int64_t kMostWeightBytes = int64_t(1) << 50;

LogicalResult ModuleContext::placeWeights(ModuleOp module) {
  int64_t place = 0;
  for (tok::WeightOp weight : tok::getStoredWeights(module)) {
    int64_t stride = llvm::alignTo(weight.getMemberBytes(), kWeightAlignment);
    SmallVector<int64_t> image;
    for (size_t member = 0; member < weight.getOffsets().size(); ++member) {
      image.push_back(place);
      if (place > kMostWeightBytes - stride)
        return weight.emitOpError("expects all weights together to have at "
                                  "most 2^50 bytes");
      place += stride;
    }
    weight.setImage(image);
  }
  return success();
}

WeightPlace ModuleContext::getWeight(Emitter &b,
                                     ConversionPatternRewriter &rewriter,
                                     Operation *op, FlatSymbolRefAttr symbol,
                                     Value layer) const {
  auto weight = symbols.lookup<tok::WeightOp>(symbol.getValue());
  Term offset = b.index(weight.getImage()->front());
  if (weight.getLayers())
    offset = findLayer(b, *weight.getLayers(), layer) *
                 llvm::alignTo(weight.getMemberBytes(), kWeightAlignment) +
             offset;
  return {weight.getTensorType(),
          getBytes(rewriter, op->getParentOfType<func::FuncOp>()), offset};
}

//===----------------------------------------------------------------------===//
// What has no decomposition
//===----------------------------------------------------------------------===//

static LogicalResult checkCache(Operation *op, tok::CacheType type) {
  auto refuse = [&](const Twine &field, const Twine &wanted) {
    return op->emitOpError("has no decomposition for a cache with ")
           << field << "; expects " << wanted;
  };
  if (type.getKeys().getValue() != "post_rope")
    return refuse("keys = " + type.getKeys().getValue(), "keys = post_rope");
  if (type.getTables().getValue() != "shared")
    return refuse("tables = " + type.getTables().getValue(), "tables = shared");
  if (type.getWindow() || type.getSinks() || type.getResidual())
    return refuse("window, sinks or residual", "0 for each");
  if (type.getColumns().size() != 1 ||
      type.getColumns().front().getValue() != "pos")
    return refuse("other columns than pos", "columns = [pos]");
  if (!type.getDigests().empty())
    return refuse("digests", "digests = []");
  return success();
}

/// Activations have a number of rows that only the step knows; sums over rows
/// have sequences in their place.
static LogicalResult checkRows(Operation *op) {
  auto attention = dyn_cast<tok::AttentionOp>(op);
  auto check = [&](Value value) -> LogicalResult {
    auto tensor = dyn_cast<RankedTensorType>(value.getType());
    if (!tensor || tensor.isDynamicDim(0) ||
        (attention && (value == attention.getMassSoFar() ||
                       value == attention.getKeyMass())))
      return success();
    return op->emitOpError("has no decomposition for a fixed number of rows; "
                           "expects tensor<?x...>, but got ")
           << tensor;
  };
  return failure(llvm::any_of(op->getOperands(),
                              [&](Value v) { return failed(check(v)); }) ||
                 llvm::any_of(op->getResults(),
                              [&](Value v) { return failed(check(v)); }));
}

/// The workspace of a step grows with its rows and with nothing else.
static LogicalResult checkSlots(tok::AttentionOp op) {
  auto check = [&](StringRef name, Value result, size_t rows) -> LogicalResult {
    if (!result)
      return success();
    auto type = cast<RankedTensorType>(result.getType());
    if (type.getNumDynamicDims() == rows)
      return success();
    return op.emitOpError("has no decomposition for ")
           << name << " of a size that only the step knows; expects static "
           << (rows ? "slots" : "sequences and slots") << ", but got " << type;
  };
  return failure(failed(check("key_mass", op.getKeyMass(), /*rows=*/0)) ||
                 failed(check("window_probs", op.getWindowProbs(), 1)));
}

/// Reports the first op that asks for what no decomposition gives.
static LogicalResult checkSupported(ModuleOp module) {
  auto check = [](Operation *op) -> WalkResult {
    // The bundler computes weights.
    if (isa<tok::WeightOp>(op))
      return WalkResult::skip();
    // Ops on weights have rows of any number.
    if (isa_and_nonnull<tok::TokDialect>(op->getDialect()) &&
        !isa<tok::WeightExpressionInterface>(op) && failed(checkRows(op)))
      return WalkResult::interrupt();
    if (auto user = dyn_cast<tok::CacheUserInterface>(op))
      if (failed(checkCache(op, cast<tok::CacheType>(
                                    user.getCacheOperand().get().getType()))))
        return WalkResult::interrupt();
    auto attention = dyn_cast<tok::AttentionOp>(op);
    if (attention && failed(checkSlots(attention)))
      return WalkResult::interrupt();
    return WalkResult::advance();
  };
  return failure(module.walk<WalkOrder::PreOrder>(check).wasInterrupted());
}

//===----------------------------------------------------------------------===//
// What the manifest needs
//===----------------------------------------------------------------------===//

/// Logits are this many elements apart, rounded up (docs/bundle.md).
static constexpr int64_t kRowRounding = 16;

/// Says in `tok.program` how the caches and the logits of the entries lie.
static LogicalResult describeProgram(ModuleOp module) {
  Builder b(module.getContext());
  SmallVector<Attribute> caches;
  // One frame serves all entries, so a name has one type.
  llvm::SmallDenseMap<StringAttr, tok::CacheType> typeOf;
  int64_t logits = 0;
  bool hasEntry = false;
  for (auto function : module.getOps<func::FuncOp>()) {
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      auto slot = function.getArgAttrOfType<StringAttr>(i, tok::kSlotAttrName);
      hasEntry |= slot != nullptr;
      auto type = dyn_cast<tok::CacheType>(function.getArgumentTypes()[i]);
      if (!slot || !type)
        continue;
      CacheLayout layout(type);
      if (layout.pageBytes > (int64_t(1) << 40))
        return function.emitError("expects a page of the cache ")
               << slot << " to have at most 2^40 bytes, but it has "
               << layout.pageBytes;
      auto cache = b.getDictionaryAttr(
          {b.getNamedAttr("name", slot),
           b.getNamedAttr("page_bytes", b.getI64IntegerAttr(layout.pageBytes)),
           b.getNamedAttr("slots", b.getI64IntegerAttr(type.getPage()))});
      auto [known, isNew] = typeOf.try_emplace(slot, type);
      if (isNew)
        caches.push_back(cache);
      else if (known->second != type)
        return function.emitError("expects the cache ")
               << slot << " to be that of the other entries, " << known->second
               << ", but got " << type;
    }
    for (unsigned i = 0; i < function.getNumResults(); ++i) {
      auto slot =
          function.getResultAttrOfType<StringAttr>(i, tok::kSlotAttrName);
      auto type = dyn_cast<RankedTensorType>(function.getResultTypes()[i]);
      if (slot && slot.getValue() == "logits" && type && type.getRank() == 2 &&
          !type.isDynamicDim(1)) {
        int64_t stride = llvm::alignTo(type.getDimSize(1), kRowRounding);
        if (logits && logits != stride)
          return function.emitError("expects rows of logits ")
                 << logits << " apart, as in the other entries, but got "
                 << stride;
        logits = stride;
      }
    }
  }
  if (hasEntry)
    module->setAttr(
        tok::kProgramAttrName,
        b.getDictionaryAttr(
            {b.getNamedAttr("caches", b.getArrayAttr(caches)),
             b.getNamedAttr("kernels", b.getArrayAttr({})),
             b.getNamedAttr("logits_stride", b.getI64IntegerAttr(logits)),
             b.getNamedAttr("scratch_bytes", b.getI64IntegerAttr(0))}));
  return success();
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {

struct DecomposePass : reference::impl::DecomposePassBase<DecomposePass> {
  void runOnOperation() override {
    ModuleOp root = getOperation();
    ModuleContext module(root);
    if (failed(checkSupported(root)) || failed(describeProgram(root)) ||
        failed(module.placeWeights(root)))
      return signalPassFailure();
    if (failed(module.addArguments(root)))
      return signalPassFailure();

    PartsConverter converter;
    RewritePatternSet patterns(&getContext());
    populateRowPatterns(converter, module, patterns);
    populateLinearPatterns(converter, module, patterns);
    populateWeightPatterns(converter, module, patterns);
    populateRopePatterns(converter, module, patterns);
    populateCachePatterns(converter, module, patterns);
    populateAttentionPatterns(converter, module, patterns);
    populateSamplePatterns(converter, module, patterns);
    populateStackPatterns(converter, module, patterns);
    populateFunctionPatterns(converter, patterns);

    ConversionTarget target(getContext());
    target.markUnknownOpDynamicallyLegal(
        [&](Operation *op) { return converter.isLegal(op); });
    target.addIllegalDialect<tok::TokDialect>();
    target.addLegalOp<tok::WeightOp, tok::ScheduleOp>();
    target.markOpRecursivelyLegal<tok::WeightOp>();
    // Looks at values and computes none.
    target.addDynamicallyLegalOp<tok::ProbeOp>(
        [&](tok::ProbeOp probe) { return converter.isLegal(probe); });
    target.addDynamicallyLegalOp<func::FuncOp>([&](func::FuncOp function) {
      return converter.isSignatureLegal(function.getFunctionType());
    });
    if (failed(applyPartialConversion(root, target, std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
