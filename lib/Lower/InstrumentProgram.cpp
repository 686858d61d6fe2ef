//===- InstrumentProgram.cpp - Tell the runtime what kernels wrote --------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Contract: exact.
//
//===----------------------------------------------------------------------===//

#include "lib/Lower/Passes.h"

#include "dialects/Tok/TokOps.h"
#include "dialects/Tok/ValueNames.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace tokopt {
#define GEN_PASS_DEF_INSTRUMENTPROGRAMPASS
#include "lib/Lower/Passes.h.inc"
} // namespace tokopt

using namespace mlir;
using namespace tokopt;

/// The layer that `kernel` runs for, or null outside of loops. A kernel that
/// uses neither weights of layers nor a cache stands beside some that do.
static Value findLayer(tok::KernelOp kernel) {
  auto loop = kernel->getParentOfType<LoopLikeOpInterface>();
  if (!loop)
    return {};
  // A constant is a layer that the model names, not the one that runs.
  for (auto other : kernel->getBlock()->getOps<tok::KernelOp>())
    if (other.getLayer() && !matchPattern(other.getLayer(), m_Constant()))
      return other.getLayer();
  return loop.getSingleInductionVar().value_or(Value());
}

/// The barrier that comes next after `kernel`, or null if something runs before
/// it.
static tok::BarrierOp findBarrierBehind(tok::KernelOp kernel) {
  Operation *next = kernel->getNextNode();
  while (isa<tok::BufferOp>(next) ||
         (isMemoryEffectFree(next) && next->getNumRegions() == 0 &&
          !next->hasTrait<OpTrait::IsTerminator>()))
    next = next->getNextNode();
  return dyn_cast<tok::BarrierOp>(next);
}

/// Whether the rows of `kernel` are those that ask for logits.
static bool isOverOutputs(tok::KernelOp kernel) {
  auto count = kernel.getRowEnd().getDefiningOp<memref::DimOp>();
  auto argument =
      count ? dyn_cast<BlockArgument>(count.getSource()) : BlockArgument();
  if (!argument)
    return false;
  auto entry = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
  auto slot = entry ? entry.getArgAttrOfType<StringAttr>(
                          argument.getArgNumber(), tok::kSlotAttrName)
                    : StringAttr();
  return slot && slot.getValue() == "out";
}

/// What `kernel` is called in a profile: its family, and its weights, the
/// values that it computes, or the side of the cache that it writes.
static std::string describe(tok::KernelOp kernel) {
  std::string text = kernel.getFamily().str();
  if (kernel.getWeights())
    for (auto symbol : kernel.getWeights()->getAsRange<FlatSymbolRefAttr>())
      text += " " + symbol.getValue().str();
  else if (auto side = kernel.getConfig().getAs<StringAttr>("side"))
    text += " cache." + side.getValue().str();
  else if (kernel.getNames())
    for (auto name : kernel.getNames()->getAsRange<StringAttr>())
      if (!name.getValue().empty() && name.getValue() != kernel.getFamily())
        text += " " + name.getValue().str();
  return tok::makeProbeLabel(text);
}

/// The element type of a value as `tok.probes` has it, and how many columns a
/// row has, whatever fills it up.
static std::pair<StringRef, int64_t> describeType(tok::KernelOp kernel,
                                                  MemRefType type) {
  Type element = type.getElementType();
  if (element.isInteger(8)) {
    // A rounded row: the columns are those that were rounded.
    auto columns = kernel.getConfig().getAs<IntegerAttr>("columns");
    return {"i8x32", columns ? columns.getInt() : 0};
  }
  int64_t columns = type.getRank() == 1 ? 1 : type.getDimSize(1);
  if (element.isF32())
    return {"f32", columns};
  if (element.isF16())
    return {"f16", columns};
  return {element.isInteger(32) ? "i32" : "", columns};
}

namespace {

struct InstrumentProgramPass
    : tokopt::impl::InstrumentProgramPassBase<InstrumentProgramPass> {
  using InstrumentProgramPassBase::InstrumentProgramPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (module->hasAttr(tok::kProbesAttrName))
      return; // has its probes already
    SmallVector<tok::KernelOp> kernels;
    for (auto entry : module.getOps<func::FuncOp>())
      if (!entry.isPrivate())
        entry.walk([&](tok::KernelOp kernel) { kernels.push_back(kernel); });
    if (kernels.empty())
      return;
    for (auto [number, kernel] : llvm::enumerate(kernels))
      instrument(kernel, number);
    module->setAttr(tok::kProbesAttrName,
                    ArrayAttr::get(&getContext(), probes));
  }

private:
  void instrument(tok::KernelOp kernel, int64_t number) {
    OpBuilder builder(kernel);
    NamedAttrList common;
    common.set("kernel", builder.getI64IntegerAttr(number));
    common.set("label", builder.getStringAttr(describe(kernel)));
    // Values and what their probes say of them.
    SmallVector<std::pair<Value, NamedAttrList>> found;
    if (values && kernel.getNames())
      for (auto [output, attribute] :
           llvm::zip_equal(kernel.getOutputs(), *kernel.getNames())) {
        auto name = cast<StringAttr>(attribute);
        auto memref = dyn_cast<MemRefType>(output.getType());
        if (name.getValue().empty() || !memref)
          continue;
        auto [type, columns] = describeType(kernel, memref);
        if (type.empty())
          continue;
        NamedAttrList probe = common;
        probe.set("value", name);
        probe.set("type", builder.getStringAttr(type));
        probe.set("columns", builder.getI64IntegerAttr(columns));
        probe.set("rows", builder.getStringAttr(
                              isOverOutputs(kernel) ? "outputs" : "step"));
        found.emplace_back(output, probe);
      }
    bool waits = llvm::any_of(found, [](auto &value) {
      auto buffer = value.first.template getDefiningOp<tok::BufferOp>();
      return !buffer || !buffer.getWorkerRows();
    });
    if (found.empty())
      found.emplace_back(Value(), common);

    Operation *last = kernel;
    if (tok::BarrierOp barrier = findBarrierBehind(kernel)) {
      last = barrier;
    } else if (waits) {
      builder.setInsertionPointAfter(last);
      last = tok::BarrierOp::create(builder, kernel.getLoc());
    }
    builder.setInsertionPointAfter(last);
    Value layer = findLayer(kernel);
    for (auto &[value, probe] : found) {
      tok::ProbeOp::create(builder, kernel.getLoc(), probes.size(),
                           kernel.getRowBegin(), kernel.getRowEnd(), layer,
                           value);
      probes.push_back(probe.getDictionary(&getContext()));
    }
    if (waits)
      tok::BarrierOp::create(builder, kernel.getLoc());
  }

  SmallVector<Attribute> probes;
};

} // namespace
