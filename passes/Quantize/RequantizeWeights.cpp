//===- RequantizeWeights.cpp - Give weights another format ----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rounding to the nearest, block by block (tok.quantize): no calibration and no
// search. The weight becomes an expression of itself; the bundler evaluates it.
//
// Contract: lossy<format, f32>.
//
//===----------------------------------------------------------------------===//

#include "passes/Quantize/Passes.h"

#include "dialects/Tok/TokOps.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Regex.h"

namespace tokopt {
#define GEN_PASS_DEF_REQUANTIZEWEIGHTSPASS
#include "passes/Quantize/Passes.h.inc"
} // namespace tokopt

using namespace mlir;
using namespace tokopt;

static constexpr remark::RemarkOpts kRemark =
    remark::RemarkOpts::name("RequantizeWeights")
        .category("tok-requantize-weights");

/// The element type that is called `name`, if weights can be rounded to it.
static Type findFormat(MLIRContext *context, StringRef name) {
  for (StringRef known : {"f32", "f16", "q8_0", "q5_0", "q4_1", "q4_0"})
    if (known == name)
      return parseType(
          (known.starts_with("f") ? known : ("!tok." + known)).str(), context);
  return {};
}

/// Rounds what `weight` is to `format`.
static void requantize(tok::WeightOp weight, Type format) {
  OpBuilder builder(weight.getContext());
  Operation *yield = weight.getOrAddExpression(builder).getTerminator();
  builder.setInsertionPoint(yield);
  Value value = yield->getOperand(0);
  RankedTensorType type = weight.getTensorType().clone(format);
  value = tok::DequantizeOp::create(builder, weight.getLoc(),
                                    tok::getPlainType(type), value);
  value = tok::QuantizeOp::create(builder, weight.getLoc(), type, value);
  yield->setOperand(0, value);
  weight.setType(type);
}

namespace {

struct RequantizeWeightsPass
    : tokopt::impl::RequantizeWeightsPassBase<RequantizeWeightsPass> {
  using RequantizeWeightsPassBase::RequantizeWeightsPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    Type element = findFormat(&getContext(), format);
    if (!element) {
      emitError(module.getLoc())
          << "tok-requantize-weights: expects format = f32, f16, q8_0, q5_0, "
             "q4_1 or q4_0, but got '"
          << format << "'";
      return signalPassFailure();
    }
    llvm::Regex pattern("^(" + families + ")$");
    if (std::string error; !pattern.isValid(error)) {
      emitError(module.getLoc())
          << "tok-requantize-weights: expects families to be a regular "
             "expression, but got '"
          << families << "': " << error;
      return signalPassFailure();
    }
    llvm::DenseSet<StringAttr> named;
    for (auto weight : module.getOps<tok::WeightOp>())
      for (FlatSymbolRefAttr symbol : weight.getFamilySymbols())
        named.insert(symbol.getAttr());
    SmallVector<StringRef> others;
    bool anyMatches = false;
    for (auto weight : module.getOps<tok::WeightOp>()) {
      if (!pattern.match(weight.getSymName())) {
        others.push_back(weight.getSymName());
        continue;
      }
      anyMatches = true;
      if (const char *reason = getReasonAgainst(weight, element, named)) {
        remark::missed(weight.getLoc(), kRemark) << remark::add(reason);
        continue;
      }
      requantize(weight, element);
      remark::passed(weight.getLoc(), kRemark)
          << remark::add("rounded the weight to {0}", format.getValue());
    }
    if (!anyMatches && !others.empty())
      emitWarning(module.getLoc())
          << "tok-requantize-weights: found no weight called '" << families
          << "', expected some of " << llvm::join(others, ", ");
  }

private:
  /// Why `weight` keeps its format, or null.
  static const char *getReasonAgainst(tok::WeightOp weight, Type element,
                                      const llvm::DenseSet<StringAttr> &named) {
    RankedTensorType type = weight.getTensorType();
    if (type.getRank() != 2)
      return "the weight is a vector, which is read as f32";
    if (type.getElementType() == element)
      return "the weight is in that format already";
    if (type.getDimSize(1) % tok::getBlock(element))
      return "the columns are no multiple of the format's block";
    if (named.contains(weight.getSymNameAttr()))
      return "another weight is computed from it in its present format";
    return nullptr;
  }
};

} // namespace
