//===- SpecializeFewRows.cpp - Fewer barriers where rows are few ----------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The choice by the number of rows is IR: the entry's work is cloned into a
// branch that a step takes when it has few rows. In the clone, what workers
// would have to wait for is cheap enough for each to compute it for itself.
//
// Contract: exact.
//
//===----------------------------------------------------------------------===//

#include "lib/Lower/Passes.h"

#include "dialects/Tok/TokOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

namespace tokopt {
#define GEN_PASS_DEF_SPECIALIZEFEWROWSPASS
#include "lib/Lower/Passes.h.inc"
} // namespace tokopt

using namespace mlir;
using namespace tokopt;

namespace {

/// The argument whose rows are those of a step, or null.
Value findIds(func::FuncOp entry) {
  for (BlockArgument argument : entry.getArguments()) {
    auto slot = entry.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                   tok::kSlotAttrName);
    if (slot && slot.getValue() == "ids")
      return argument;
  }
  return {};
}

/// Whether `op` is a part of the work and not a number that the work needs.
bool isWork(Operation &op) {
  return isa<tok::KernelOp, tok::BufferOp, tok::BarrierOp>(op) ||
         op.getNumRegions() > 0;
}

/// The buffer that `kernel` alone writes and linears alone read, or null.
tok::BufferOp findOwnBuffer(tok::KernelOp kernel) {
  if (kernel.getFamily() != "rowwise" || kernel.getOutputs().size() != 1)
    return {};
  auto buffer = kernel.getOutputs()[0].getDefiningOp<tok::BufferOp>();
  if (!buffer)
    return {};
  for (OpOperand &use : buffer.getMemref().getUses()) {
    auto user = dyn_cast<tok::KernelOp>(use.getOwner());
    if (user == kernel)
      continue;
    // A linear reads its first input; others and outputs are shared.
    if (!user || user.getFamily() != "linear" ||
        &use != &user.getInputsMutable()[0])
      return {};
  }
  return buffer;
}

struct SpecializeFewRowsPass
    : tokopt::impl::SpecializeFewRowsPassBase<SpecializeFewRowsPass> {
  using SpecializeFewRowsPassBase::SpecializeFewRowsPassBase;

  LogicalResult specialize(func::FuncOp entry, int64_t rows) {
    Value ids = findIds(entry);
    SmallVector<Operation *> work;
    for (Operation &op : entry.getBody().front().without_terminator())
      if (isWork(op))
        work.push_back(&op);
    bool isDone = false, gains = false;
    entry.walk([&](tok::BufferOp buffer) {
      isDone |= buffer.getWorkerRows().has_value();
    });
    entry.walk([&](tok::KernelOp kernel) {
      gains |= static_cast<bool>(findOwnBuffer(kernel));
    });
    if (!ids || isDone || !gains)
      return success();
    for (Operation *op : work)
      for (Operation *user : op->getUsers())
        if (!isWork(*entry.getBody().front().findAncestorOpInBlock(*user)))
          return user->emitOpError("expects what kernels write to be read by "
                                   "kernels");

    Location loc = entry.getLoc();
    OpBuilder builder(entry.getBody().front().getTerminator());
    Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
    Value count = memref::DimOp::create(builder, loc, ids, zero);
    Value few = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::ule, count,
        arith::ConstantIndexOp::create(builder, loc, rows));
    auto choice = scf::IfOp::create(builder, loc, few, /*withElseRegion=*/true);
    builder.setInsertionPoint(choice.thenBlock()->getTerminator());
    IRMapping mapping;
    for (Operation *op : work) {
      builder.clone(*op, mapping);
      op->moveBefore(choice.elseBlock()->getTerminator());
    }
    choice.thenBlock()->walk([&](tok::KernelOp kernel) {
      tok::BufferOp buffer = findOwnBuffer(kernel);
      if (!buffer)
        return;
      buffer.setWorkerRows(rows);
      NamedAttrList config(kernel.getConfig());
      config.set("replicated", builder.getUnitAttr());
      kernel.setConfigAttr(config.getDictionary(&getContext()));
    });
    return success();
  }

  void runOnOperation() override {
    FailureOr<const KernelTarget *> found =
        findKernelTarget(getOperation(), target);
    if (failed(found))
      return signalPassFailure();
    if (rows < 0) {
      emitError(getOperation().getLoc(),
                "tok-specialize-few-rows: expects rows to be at "
                "least 1, or 0 for what the target says, but "
                "got ")
          << static_cast<int64_t>(rows);
      return signalPassFailure();
    }
    int64_t few = rows ? static_cast<int64_t>(rows) : (*found)->getFewRows();
    if (!few)
      return;
    for (func::FuncOp entry : getOperation().getOps<func::FuncOp>())
      if (!entry.isPrivate() && failed(specialize(entry, few)))
        return signalPassFailure();
  }
};

} // namespace
