//===- InsertBarriers.cpp - Separate kernels that touch the same memory ----===//
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

/// Memory that a kernel touches: a range of the workspace's row, or whatever an argument stands for.
struct Memory {
  Value argument;
  int64_t begin = 0, end = 0;

  explicit Memory(Value value) {
    if (auto buffer = value.getDefiningOp<tok::BufferOp>()) {
      begin = *buffer.getOffset();
      end = begin + buffer.getRowBytes();
    } else {
      argument = value;
    }
  }
  bool overlaps(const Memory &other) const {
    if (argument || other.argument)
      return argument == other.argument;
    return begin < other.end && other.begin < end;
  }
};

/// What has been read and written since the last barrier.
struct Open {
  SmallVector<Memory> reads, writes;

  bool conflicts(tok::KernelOp kernel) const {
    auto touches = [](ArrayRef<Memory> memories, Value value) {
      return llvm::any_of(memories, [&](const Memory &m) { return m.overlaps(Memory(value)); });
    };
    return llvm::any_of(kernel.getInputs(), [&](Value v) { return touches(writes, v); }) ||
           llvm::any_of(kernel.getOutputs(),
                        [&](Value v) { return touches(writes, v) || touches(reads, v); });
  }
  void add(tok::KernelOp kernel) {
    for (Value input : kernel.getInputs())
      reads.push_back(Memory(input));
    for (Value output : kernel.getOutputs())
      writes.push_back(Memory(output));
  }
  void merge(const Open &other) {
    llvm::append_range(reads, other.reads);
    llvm::append_range(writes, other.writes);
  }
  bool empty() const { return reads.empty() && writes.empty(); }
};

/// Two kernels that write different columns of one argument, such as the keys and the values of a cache,
/// do not conflict.
bool writesOtherSide(tok::KernelOp kernel, tok::KernelOp before) {
  auto side = [](tok::KernelOp op) { return op.getConfig().getAs<StringAttr>("side"); };
  return side(kernel) && side(before) && side(kernel) != side(before);
}

struct InsertBarriersPass : tokopt::impl::InsertBarriersPassBase<InsertBarriersPass> {
  using InsertBarriersPassBase::InsertBarriersPassBase;

  void visit(Block &block, Open &open) {
    tok::KernelOp previous;
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (auto kernel = dyn_cast<tok::KernelOp>(op)) {
        bool skip = previous && writesOtherSide(kernel, previous);
        if (!skip && open.conflicts(kernel)) {
          OpBuilder builder(kernel);
          tok::BarrierOp::create(builder, kernel.getLoc());
          open = {};
        }
        open.add(kernel);
        previous = kernel;
        continue;
      }
      if (op.getNumRegions() == 0)
        continue;
      previous = {};
      bool isLoop = isa<LoopLikeOpInterface>(op);
      Open after;
      if (isLoop)
        after = open; // should the loop not run
      for (Region &region : op.getRegions())
        for (Block &body : region) {
          Open inside = open;
          visit(body, inside);
          if (isLoop && !inside.empty()) {
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
