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
    for (func::FuncOp entry :
         llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
      if (!entry.isPrivate() && failed(ProgramBuilder(module, entry).run()))
        return signalPassFailure();
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
