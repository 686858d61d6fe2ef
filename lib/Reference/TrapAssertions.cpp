//===- TrapAssertions.cpp - What a failed assertion does ------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Passes.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace tokopt::reference {
#define GEN_PASS_DEF_TRAPASSERTIONSPASS
#include "lib/Reference/Passes.h.inc"
} // namespace tokopt::reference

using namespace mlir;
using namespace tokopt;

namespace {

struct TrapAssertionsPass
    : reference::impl::TrapAssertionsPassBase<TrapAssertionsPass> {
  void runOnOperation() override {
    getOperation().walk([](cf::AssertOp assertion) {
      ImplicitLocOpBuilder b(assertion.getLoc(), assertion);
      auto choice =
          scf::IfOp::create(b, assertion.getArg(), /*withElseRegion=*/true);
      b.setInsertionPointToStart(choice.elseBlock());
      LLVM::Trap::create(b);
      assertion.erase();
    });
  }
};

} // namespace
