//===- PlanBuffers.cpp - Give every buffer its place ----------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// First fit over live ranges of the program's straight order of ops.
//
// Contract: exact.
//
//===----------------------------------------------------------------------===//

#include "lib/Lower/Passes.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

namespace tokopt {
#define GEN_PASS_DEF_PLANBUFFERSPASS
#include "lib/Lower/Passes.h.inc"
} // namespace tokopt

using namespace mlir;
using namespace tokopt;

namespace {

/// A buffer alive from op number `first` to `last`, and where it was put.
struct Range {
  tok::BufferOp buffer;
  int64_t first, last;
  int64_t offset = 0;

  /// Bytes of a row of the workspace, or of all rows in a worker's scratch.
  int64_t bytes() {
    return buffer.getRowBytes() *
           static_cast<int64_t>(buffer.getWorkerRows().value_or(1));
  }
  int64_t end() { return offset + bytes(); }
  bool overlaps(const Range &other) const {
    return first <= other.last && other.first <= last;
  }
};

/// The outermost loop around `user` that does not hold `buffer`, or `user`
/// itself.
Operation *outermostUse(Operation *user, tok::BufferOp buffer) {
  Operation *use = user;
  for (Operation *parent = user->getParentOp();
       parent && !parent->isProperAncestor(buffer);
       parent = parent->getParentOp())
    if (isa<LoopLikeOpInterface>(parent))
      use = parent;
  return use;
}

struct PlanBuffersPass : tokopt::impl::PlanBuffersPassBase<PlanBuffersPass> {
  using PlanBuffersPassBase::PlanBuffersPassBase;

  /// Places the buffers of `function` that workers share, or those that each
  /// has for itself, from `begin` on. Returns the end of the last.
  int64_t plan(func::FuncOp function, bool ofWorker, int64_t begin) {
    // An op's number, and that of the last op in it.
    DenseMap<Operation *, int64_t> number, lastInside;
    int64_t next = 0;
    function.walk<WalkOrder::PreOrder>(
        [&](Operation *op) { number[op] = next++; });
    function.walk<WalkOrder::PostOrder>([&](Operation *op) {
      lastInside[op] = std::max(lastInside[op], number[op]);
      if (Operation *parent = op->getParentOp())
        lastInside[parent] = std::max(lastInside[parent], lastInside[op]);
    });

    SmallVector<Range> placed;
    int64_t end = begin;
    function.walk([&](tok::BufferOp buffer) {
      if (buffer.getWorkerRows().has_value() != ofWorker)
        return;
      Range range{buffer, std::numeric_limits<int64_t>::max(), -1, begin};
      for (Operation *user : buffer.getMemref().getUsers()) {
        Operation *use = outermostUse(user, buffer);
        range.first = std::min(range.first, number[use]);
        range.last = std::max(range.last, lastInside[use]);
      }
      SmallVector<Range *> alive;
      for (Range &other : placed)
        if (other.overlaps(range))
          alive.push_back(&other);
      llvm::sort(alive,
                 [](Range *a, Range *b) { return a->offset < b->offset; });
      for (Range *other : alive) {
        if (range.end() <= other->offset)
          break;
        range.offset = std::max(range.offset, other->end());
      }
      buffer.setOffset(range.offset);
      end = std::max(end, range.end());
      placed.push_back(range);
    });
    return end;
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<const KernelTarget *> found = findKernelTarget(module, target);
    if (failed(found))
      return signalPassFailure();
    Builder builder(module.getContext());
    int64_t rowBytes = 0, scratchBytes = 0;
    for (func::FuncOp function : module.getOps<func::FuncOp>())
      rowBytes = std::max(rowBytes, plan(function, /*ofWorker=*/false, 0));
    // Kernels run one after the other, so they share scratch and what lies
    // behind the rows.
    int64_t sharedBytes = 0;
    SmallVector<tok::KernelOp> scratchUsers, sharedUsers;
    WalkResult result = module.walk([&](tok::KernelOp kernel) {
      FailureOr<const KernelTemplate *> generator =
          findKernelTemplate(kernel, **found);
      if (failed(generator))
        return WalkResult::interrupt();
      int64_t scratch = (*generator)->getScratchBytes(kernel);
      int64_t shared = (*generator)->getSharedBytes(kernel);
      if (scratch)
        scratchUsers.push_back(kernel);
      if (shared)
        sharedUsers.push_back(kernel);
      scratchBytes = std::max(scratchBytes, scratch);
      sharedBytes = std::max(sharedBytes, shared);
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      return signalPassFailure();
    // A worker's own buffers lie behind what its kernels need.
    int64_t kernelBytes = llvm::alignTo(scratchBytes, 64);
    for (func::FuncOp function : module.getOps<func::FuncOp>())
      scratchBytes = std::max(scratchBytes,
                              plan(function, /*ofWorker=*/true, kernelBytes));
    auto configure = [&](ArrayRef<tok::KernelOp> kernels, StringRef name,
                         int64_t value) {
      for (tok::KernelOp kernel : kernels) {
        NamedAttrList config(kernel.getConfig());
        config.set(name, builder.getI64IntegerAttr(value));
        kernel.setConfigAttr(config.getDictionary(module.getContext()));
      }
    };
    configure(scratchUsers, "scratch", scratchBytes);
    // The shared bytes begin at this times the workspace's capacity.
    configure(sharedUsers, "row_bytes", rowBytes);
    setProgramEntry(module, "row_bytes", builder.getI64IntegerAttr(rowBytes));
    setProgramEntry(module, "fixed_bytes",
                    builder.getI64IntegerAttr(sharedBytes));
    setProgramEntry(module, "scratch_bytes",
                    builder.getI64IntegerAttr(scratchBytes));
  }
};

} // namespace
