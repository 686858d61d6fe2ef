//===- InstrumentModel.cpp - Tell the runtime what ops computed -----------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Contract: exact.
//
//===----------------------------------------------------------------------===//

#include "Passes.h"

#include "dialects/Tok/TokOps.h"
#include "dialects/Tok/ValueNames.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

namespace tokopt::reference {
#define GEN_PASS_DEF_INSTRUMENTMODELPASS
#include "lib/Reference/Passes.h.inc"
} // namespace tokopt::reference

using namespace mlir;
using namespace tokopt;

/// Whether a result of `function` has a role in the frame.
static bool isEntry(func::FuncOp function) {
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    if (function.getResultAttr(i, tok::kSlotAttrName))
      return true;
  return false;
}

/// What `op` is called in a profile.
static std::string describe(Operation &op, StringRef value) {
  std::string text = op.getName().stripDialect().str();
  auto user = dyn_cast<tok::WeightUserInterface>(op);
  if (!user && text != value)
    return tok::makeProbeLabel(text + " " + value.str());
  if (user)
    for (FlatSymbolRefAttr symbol : user.getWeightSymbols())
      text += " " + symbol.getValue().str();
  return tok::makeProbeLabel(text);
}

namespace {

/// What the rows of a value are.
enum class Domain { Step, Outputs, Other };

struct InstrumentModelPass
    : reference::impl::InstrumentModelPassBase<InstrumentModelPass> {
  using InstrumentModelPassBase::InstrumentModelPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (module->hasAttr(tok::kProbesAttrName))
      return; // has its probes already
    // Before the probes, which refer to them, stand there.
    for (auto function : module.getOps<func::FuncOp>())
      if (!function.isExternal() &&
          (function->hasAttr(tok::kKindAttrName) || isEntry(function)))
        instrument(function);
    if (!probes.empty())
      module->setAttr(tok::kProbesAttrName,
                      ArrayAttr::get(&getContext(), probes));
  }

private:
  /// The rows of what `op` computes.
  Domain findDomain(Operation &op) {
    if (auto take = dyn_cast<tok::TakeOp>(op); take && take.getRows())
      return Domain::Other;
    Domain domain = Domain::Step;
    for (Value operand : op.getOperands())
      domain = std::max(domain, domains.lookup(operand));
    return domain;
  }

  void instrument(func::FuncOp function) {
    bool isKind = function->hasAttr(tok::kKindAttrName);
    for (BlockArgument argument : function.getArguments()) {
      auto slot = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                        tok::kSlotAttrName);
      if (slot &&
          llvm::is_contained({"out", "sampling", "seeds"}, slot.getValue()))
        domains[argument] = Domain::Outputs;
    }
    Value layer = isKind ? Value(function.getArguments().back()) : Value();
    llvm::DenseMap<Value, std::string> names = tok::nameValues(function);
    for (Operation &op :
         llvm::make_early_inc_range(function.getBody().front())) {
      Domain domain = findDomain(op);
      OpBuilder builder(&getContext());
      builder.setInsertionPointAfter(&op);
      bool isCounted = false;
      for (OpResult result : op.getResults()) {
        domains[result] = domain;
        auto name = names.find(result);
        if (name == names.end() || result.use_empty() ||
            domain == Domain::Other)
          continue;
        if (isCounted && !values)
          continue;
        addProbe(builder, result, name->second, domain, layer);
        isCounted = true;
      }
      kernels += isCounted;
    }
  }

  void addProbe(OpBuilder &builder, OpResult value, StringRef name,
                Domain domain, Value layer) {
    Operation &op = *value.getOwner();
    NamedAttrList probe;
    probe.set("kernel", builder.getI64IntegerAttr(kernels));
    probe.set("label", builder.getStringAttr(describe(op, name)));
    if (values) {
      auto type = cast<RankedTensorType>(value.getType());
      int64_t columns = 1;
      for (int64_t size : type.getShape().drop_front())
        columns *= size;
      probe.set("value", builder.getStringAttr(name));
      probe.set("type", builder.getStringAttr(
                            type.getElementType().isF32() ? "f32" : "i32"));
      probe.set("columns", builder.getI64IntegerAttr(columns));
      probe.set("rows", builder.getStringAttr(
                            domain == Domain::Outputs ? "outputs" : "step"));
    }
    tok::ProbeOp::create(builder, op.getLoc(), probes.size(), Value(), Value(),
                         layer, values ? Value(value) : Value());
    probes.push_back(probe.getDictionary(&getContext()));
  }

  SmallVector<Attribute> probes;
  int64_t kernels = 0;
  llvm::DenseMap<Value, Domain> domains;
};

} // namespace
