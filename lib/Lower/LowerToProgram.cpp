//===- LowerToProgram.cpp - From entries of a model to programs of kernels ===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Ops that share a kernel are found as `ProgramBuilder` says: norms and takes
// join what reads them, residuals, gates and rotations what computes them.
//
// Contract: tolerance<1e-5>.
//
//===----------------------------------------------------------------------===//

#include "lib/Lower/Passes.h"
#include "lib/Lower/ProgramBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace tokopt {
#define GEN_PASS_DEF_LOWERTOPROGRAMPASS
#include "lib/Lower/Passes.h.inc"
} // namespace tokopt

using namespace mlir;
using namespace tokopt;

namespace {

struct LowerToProgramPass
    : tokopt::impl::LowerToProgramPassBase<LowerToProgramPass> {
  using LowerToProgramPassBase::LowerToProgramPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    // Several entries may apply one kind, wherever it stands.
    SmallVector<func::FuncOp> entries, kinds;
    for (auto function : module.getOps<func::FuncOp>())
      if (function->hasAttr(tok::kKindAttrName))
        kinds.push_back(function);
      else if (!function.isPrivate())
        entries.push_back(function);
    FailureOr<const KernelTarget *> found = findKernelTarget(module, target);
    if (failed(found))
      return signalPassFailure();
    ProgramFrame frame{**found};
    for (func::FuncOp entry : entries)
      if (failed(ProgramBuilder(module, entry, frame).run()))
        return signalPassFailure();
    for (func::FuncOp kind : kinds)
      kind.erase();
    setFrame(module, frame);
  }

private:
  static void setFrame(ModuleOp module, const ProgramFrame &frame) {
    Builder b(module.getContext());
    if (frame.logitsStride)
      setProgramEntry(module, "logits_stride",
                      b.getI64IntegerAttr(*frame.logitsStride));
    SmallVector<Attribute> caches;
    for (auto [name, type] : frame.caches)
      caches.push_back(b.getDictionaryAttr(
          {b.getNamedAttr("name", name),
           b.getNamedAttr("slots", b.getI64IntegerAttr(type.getPage())),
           b.getNamedAttr(
               "page_bytes",
               b.getI64IntegerAttr(*frame.target.getPageBytes(type)))}));
    setProgramEntry(module, "caches", b.getArrayAttr(caches));
  }
};

} // namespace

void tokopt::setProgramEntry(ModuleOp module, StringRef name, Attribute value) {
  NamedAttrList entries(
      module->getAttrOfType<DictionaryAttr>(tok::kProgramAttrName));
  entries.set(name, value);
  module->setAttr(tok::kProgramAttrName,
                  entries.getDictionary(module.getContext()));
}
