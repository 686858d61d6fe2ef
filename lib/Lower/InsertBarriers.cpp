//===- InsertBarriers.cpp - Separate kernels that touch the same memory ---===//
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

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/Interfaces/LoopLikeInterface.h"

namespace tokopt {
#define GEN_PASS_DEF_INSERTBARRIERSPASS
#include "lib/Lower/Passes.h.inc"
} // namespace tokopt

using namespace mlir;
using namespace tokopt;

namespace {

/// Which side of a cache `kernel` writes, or nothing.
StringRef sideOf(tok::KernelOp kernel) {
  auto side = kernel.getConfig().getAs<StringAttr>("side");
  return side ? side.getValue() : StringRef();
}

/// Memory that a kernel touches: a range of the workspace's row, or what an
/// argument stands for, of a cache perhaps only the keys or the values.
struct Memory {
  Value argument;
  StringRef side;
  int64_t begin = 0, end = 0;

  explicit Memory(Value value, StringRef side = "") : side(side) {
    if (auto buffer = value.getDefiningOp<tok::BufferOp>()) {
      begin = *buffer.getOffset();
      end = begin + buffer.getRowBytes();
    } else {
      argument = value;
    }
  }
  bool overlaps(const Memory &other) const {
    if (argument || other.argument)
      return argument == other.argument &&
             (side == other.side || side.empty() || other.side.empty());
    return begin < other.end && other.begin < end;
  }
};

/// Whether `kernel` uses what workers share behind the rows of the workspace.
bool usesShared(tok::KernelOp kernel) {
  return kernel.getConfig().contains("row_bytes");
}

/// Whether workers can meet at `value`: not at a buffer that each has for
/// itself.
bool isShared(Value value) {
  auto buffer = value.getDefiningOp<tok::BufferOp>();
  return !buffer || !buffer.getWorkerRows();
}

/// What has been read and written since the last barrier.
struct Open {
  SmallVector<Memory> reads, writes;
  bool shared = false;

  bool conflicts(tok::KernelOp kernel) const {
    if (shared && usesShared(kernel))
      return true;
    StringRef side = sideOf(kernel);
    auto touches = [&](ArrayRef<Memory> memories, Value value) {
      if (!isShared(value))
        return false;
      Memory memory(value, isa<tok::CacheType>(value.getType()) ? side : "");
      return llvm::any_of(memories,
                          [&](const Memory &m) { return m.overlaps(memory); });
    };
    return llvm::any_of(kernel.getInputs(),
                        [&](Value v) { return touches(writes, v); }) ||
           llvm::any_of(kernel.getOutputs(), [&](Value v) {
             return touches(writes, v) || touches(reads, v);
           });
  }
  void add(tok::KernelOp kernel) {
    shared |= usesShared(kernel);
    for (Value input : llvm::make_filter_range(kernel.getInputs(), isShared))
      reads.push_back(Memory(input));
    for (Value output : llvm::make_filter_range(kernel.getOutputs(), isShared))
      writes.push_back(Memory(
          output, isa<tok::CacheType>(output.getType()) ? sideOf(kernel) : ""));
  }
  void merge(const Open &other) {
    llvm::append_range(reads, other.reads);
    llvm::append_range(writes, other.writes);
    shared |= other.shared;
  }
  bool empty() const { return reads.empty() && writes.empty(); }
};

/// Whether workers meet before they run any kernel of `block`.
bool startsWithBarrier(Block &block) {
  for (Operation &op : block) {
    if (isa<tok::BarrierOp>(op))
      return true;
    if (isa<tok::KernelOp, LoopLikeOpInterface>(op))
      return false;
    if (op.getNumRegions())
      return llvm::all_of(op.getRegions(), [](Region &region) {
        return !region.empty() && startsWithBarrier(region.front());
      });
  }
  return false;
}

struct InsertBarriersPass
    : tokopt::impl::InsertBarriersPassBase<InsertBarriersPass> {
  using InsertBarriersPassBase::InsertBarriersPassBase;

  void visit(Block &block, Open &open) {
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (auto kernel = dyn_cast<tok::KernelOp>(op)) {
        if (open.conflicts(kernel)) {
          OpBuilder builder(kernel);
          tok::BarrierOp::create(builder, kernel.getLoc());
          open = {};
        }
        open.add(kernel);
        continue;
      }
      if (isa<tok::BarrierOp>(op))
        open = {};
      if (op.getNumRegions() == 0)
        continue;
      bool isLoop = isa<LoopLikeOpInterface>(op);
      Open after;
      if (isLoop || llvm::any_of(op.getRegions(),
                                 [](Region &region) { return region.empty(); }))
        after = open; // should no region run
      for (Region &region : op.getRegions())
        for (Block &body : region) {
          Open inside = open;
          visit(body, inside);
          // What an iteration leaves open meets the next one.
          if (isLoop && !inside.empty() && !startsWithBarrier(body)) {
            auto builder = OpBuilder(body.getTerminator());
            tok::BarrierOp::create(builder, op.getLoc());
            continue;
          }
          after.merge(inside);
        }
      open = std::move(after);
    }
  }

  void runOnOperation() override {
    WalkResult result = getOperation().walk([&](tok::BufferOp buffer) {
      if (buffer.getOffset())
        return WalkResult::advance();
      buffer.emitOpError("has no place yet; run tok-plan-buffers first");
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      return signalPassFailure();
    for (func::FuncOp function : getOperation().getOps<func::FuncOp>()) {
      if (function.isExternal())
        continue;
      Open open;
      visit(function.getBody().front(), open);
    }
  }
};

} // namespace
