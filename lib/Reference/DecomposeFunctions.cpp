//===- DecomposeFunctions.cpp - Signatures of decomposed functions --------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a function takes and gives once its ops are decomposed:
//
//   func.func private @decoder(%x, %rows, %kv, %l) -> (x, kv)
//   func.func private @decoder(%x, %pos, %seq, %keys, %values, %table, %l,
//                              %weights, %into) -> (x, keys, values, table)
//
// The last argument is where the result goes: buffers made in a function die
// with it.
//
//===----------------------------------------------------------------------===//

#include "CacheLayout.h"
#include "Decompose.h"

#include "mlir/Dialect/Func/Transforms/FuncConversions.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::reference;

//===----------------------------------------------------------------------===//
// New arguments
//===----------------------------------------------------------------------===//

static bool readsWeights(func::FuncOp function) {
  return function
      .walk([](Operation *op) {
        return isa<tok::WeightUserInterface, tok::StackOp>(op)
                   ? WalkResult::interrupt()
                   : WalkResult::advance();
      })
      .wasInterrupted();
}

/// Appends an argument of `function` that has the role `slot` (none if empty).
static Value addArgument(func::FuncOp function, Type type, StringRef slot) {
  Builder b(function.getContext());
  NamedAttrList attributes;
  if (!slot.empty())
    attributes.set(tok::kSlotAttrName, b.getStringAttr(slot));
  unsigned index = function.getNumArguments();
  (void)function.insertArgument(
      index, type, attributes.getDictionary(b.getContext()), function.getLoc());
  return function.getArgument(index);
}

/// Whether `function` has an argument whose role is `slot`.
static bool hasArgument(func::FuncOp function, StringAttr slot) {
  return llvm::any_of(function.getArguments(), [&](BlockArgument argument) {
    return function.getArgAttr(argument.getArgNumber(), tok::kSlotAttrName) ==
           slot;
  });
}

/// Writes the tensors that a kind or an entry returns to arguments of it.
static LogicalResult addDestinations(func::FuncOp function) {
  auto terminator =
      dyn_cast<func::ReturnOp>(function.getBody().front().getTerminator());
  if (!function.getBody().hasOneBlock() || !terminator)
    return function.emitError("expects a kind or an entry of one block");
  OpBuilder builder(terminator);
  Emitter b(terminator.getLoc(), builder);
  for (OpOperand &result : terminator->getOpOperands()) {
    auto type = dyn_cast<RankedTensorType>(result.get().getType());
    auto slot = function.getResultAttrOfType<StringAttr>(
        result.getOperandNumber(), tok::kSlotAttrName);
    // What has an argument already is updated in place.
    if (!type || (slot && hasArgument(function, slot)))
      continue;
    if (type.getRank() == 0 || !type.isDynamicDim(0) ||
        type.getNumDynamicDims() != 1)
      return function.emitError("expects results of rows of static size, "
                                "tensor<?x...>, but got ")
             << type;
    Value destination =
        addArgument(function, type, slot ? slot.getValue() : StringRef());
    b.requireSameRows(result.get(), destination,
                      "func.return: a result has not the rows of its slot");
    result.set(b.insertRows(result.get(), destination, b.index(0),
                            b.dim(destination, 0)));
  }
  return success();
}

/// Whether a result of `function` has a role in the frame.
static bool isEntry(func::FuncOp function) {
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    if (function.getResultAttr(i, tok::kSlotAttrName))
      return true;
  return false;
}

LogicalResult ModuleContext::addArguments(ModuleOp module) {
  auto type = RankedTensorType::get({ShapedType::kDynamic},
                                    IntegerType::get(module.getContext(), 8));
  for (auto function : module.getOps<func::FuncOp>()) {
    if (function.isExternal())
      continue;
    bool isKind = function->hasAttr(tok::kKindAttrName);
    if (isKind || readsWeights(function))
      bytes[function] = addArgument(function, type, isKind ? "" : "weights");
    if ((isKind || isEntry(function)) && failed(addDestinations(function)))
      return failure();
  }
  return success();
}

Value ModuleContext::getBytes(ConversionPatternRewriter &rewriter,
                              Operation *function) const {
  Value argument = bytes.lookup(function);
  return argument ? rewriter.getRemappedValue(argument) : Value();
}

//===----------------------------------------------------------------------===//
// Rows and caches in signatures
//===----------------------------------------------------------------------===//

/// Names of the parts of a value, by the name of the whole.
static SmallVector<std::string> getPartSlots(Type type, StringRef slot) {
  if (auto rows = dyn_cast<tok::RowsType>(type))
    return llvm::map_to_vector(rows.getColumns(), [](StringAttr column) {
      return column.getValue().str();
    });
  auto cache = dyn_cast<tok::CacheType>(type);
  if (!cache)
    return {slot.str()};
  SmallVector<std::string> names = {"keys", "values"};
  if (cache.getKType().isInteger())
    names.push_back("key_scales");
  if (cache.getVType().isInteger())
    names.push_back("value_scales");
  names.push_back("table");
  for (std::string &name : names)
    name = (slot + "." + name).str();
  return names;
}

/// `attributes` of values of `types`, for the parts of those values.
static ArrayAttr splitAttributes(ArrayAttr attributes, TypeRange types) {
  if (!attributes)
    return {};
  Builder b(attributes.getContext());
  SmallVector<Attribute> split;
  for (auto [attribute, type] : llvm::zip_equal(attributes, types)) {
    auto dictionary = cast<DictionaryAttr>(attribute);
    auto slot = dictionary.getAs<StringAttr>(tok::kSlotAttrName);
    for (const std::string &part :
         getPartSlots(type, slot ? slot.getValue() : "")) {
      NamedAttrList list(dictionary);
      if (slot)
        list.set(tok::kSlotAttrName, b.getStringAttr(part));
      split.push_back(list.getDictionary(b.getContext()));
    }
  }
  return b.getArrayAttr(split);
}

namespace {

struct ConvertFunction : OpConversionPattern<func::FuncOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(func::FuncOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    FunctionType type = op.getFunctionType();
    TypeConverter::SignatureConversion signature(type.getNumInputs());
    SmallVector<Type> results;
    if (failed(
            typeConverter->convertSignatureArgs(type.getInputs(), signature)) ||
        failed(typeConverter->convertTypes(type.getResults(), results)))
      return rewriter.notifyMatchFailure(op, "has a type without parts");
    if (!op.isExternal())
      rewriter.applySignatureConversion(&op.getBody().front(), signature,
                                        typeConverter);
    rewriter.modifyOpInPlace(op, [&] {
      op.setFunctionType(
          rewriter.getFunctionType(signature.getConvertedTypes(), results));
      if (ArrayAttr split =
              splitAttributes(op.getArgAttrsAttr(), type.getInputs()))
        op.setArgAttrsAttr(split);
      if (ArrayAttr split =
              splitAttributes(op.getResAttrsAttr(), type.getResults()))
        op.setResAttrsAttr(split);
    });
    return success();
  }
};

} // namespace

void reference::populateFunctionPatterns(const PartsConverter &converter,
                                         RewritePatternSet &patterns) {
  patterns.add<ConvertFunction>(converter, patterns.getContext());
  populateReturnOpTypeConversionPattern(patterns, converter);
  populateCallOpTypeConversionPattern(patterns, converter);
}
