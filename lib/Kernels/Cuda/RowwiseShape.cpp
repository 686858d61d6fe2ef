//===- RowwiseShape.cpp - How rows are dealt out to lanes -----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cuda/RowwiseShape.h"

#include "lib/Kernels/Common/Config.h"
#include "lib/Kernels/Cuda/CacheRow.h"
#include "lib/Kernels/Cuda/Rounding.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cuda;
using namespace tokopt::kernels;

/// Elements a lane may hold of each input that is summed, or of all together
/// where none is: a thread of a block of 1024 has 64 registers.
static constexpr int64_t kElementsOfLane = 32;
static constexpr int64_t kMaxThreads = 1024;
/// From here on, more elements a lane rather than more threads.
static constexpr int64_t kGoodThreads = 256;

int64_t cuda::filledColumns(MemRefType type) {
  return rowBytes(type) * 8 / type.getElementTypeBitWidth();
}

/// Whether chunks hold partners together, or lie as their partners do.
static LogicalResult checkPartner(tok::PartnerOp op, int64_t width) {
  if (op.getHead() % width)
    return op.emitOpError("expects a head of a multiple of ")
           << width << " in a CUDA kernel, but got " << op.getHead();
  if (op.getPairs() == tok::RopePairs::Halves &&
      (op.getDims() % (2 * width) || !isa<BlockArgument>(op.getValue())))
    return op.emitOpError("expects halves of a multiple of ")
           << width << " of the kernel's inputs in a CUDA kernel, but got "
           << op.getDims() / 2;
  return success();
}

/// Finds the width of chunks and what outputs store.
LogicalResult RowwiseShape::checkOperands(tok::KernelOp op) {
  int64_t row = columns * groups;
  // Weights and angles are f32.
  int64_t widest = op.getWeights() || angles >= 0 ? 4 : 0;
  auto check = [&](Type type, StringRef what) -> LogicalResult {
    auto memref = dyn_cast<MemRefType>(type);
    Type element = memref ? memref.getElementType() : Type();
    bool isHalf = memref && (element.isF16() || element.isBF16());
    if (!memref || memref.getRank() != 2 || memref.getDimSize(1) != row ||
        !(element.isF32() || isHalf))
      return op.emitOpError("expects ")
             << what << "s of a CUDA rowwise kernel to be memref<?x" << row
             << "> of f32, f16 or bf16, but got " << type;
    widest = std::max<int64_t>(widest, isHalf ? 2 : 4);
    return success();
  };
  for (auto [number, input] : llvm::enumerate(op.getInputs().drop_back(gather)))
    if (static_cast<int64_t>(number) != angles &&
        failed(check(input.getType(), "input")))
      return failure();
  auto isRounded = [](Type type) {
    auto memref = dyn_cast<MemRefType>(type);
    return memref && memref.getElementType().isInteger(8);
  };
  // Groups are whole, so nothing fills the row behind the last.
  stored = columns;
  for (Type type : op.getOutputs().getTypes()) {
    if (isa<tok::CacheType>(type)) {
      widest = std::max(widest, CacheRow(op, type).elementBytes());
      continue;
    }
    if (isRounded(type))
      continue;
    if (failed(check(type, "output")))
      return failure();
    if (groups == 1)
      stored = std::max(stored, filledColumns(cast<MemRefType>(type)));
  }
  // All operands together say how wide chunks are. There is an input, so they
  // are of 8 elements at most.
  width = kChunkBytes / widest;
  for (Type type : op.getOutputs().getTypes()) {
    if (isRounded(type) && failed(RoundedRow(row).check(op)))
      return failure();
    if (!isa<tok::CacheType>(type))
      continue;
    CacheRow cacheRow(op, type);
    if (failed(cacheRow.check(op, width)))
      return failure();
    span = std::max(span, cacheRow.span(width));
  }
  if (angles >= 0 && head % width)
    return op.emitOpError("expects angles of a head of a multiple of ")
           << width << ", but got " << head;
  return success(!op.getPrologue()
                      .walk([&](tok::PartnerOp partner) -> WalkResult {
                        return checkPartner(partner, width);
                      })
                      .wasInterrupted());
}

/// Finds threads and lanes.
LogicalResult RowwiseShape::dealOut(tok::KernelOp op) {
  int64_t chunks = llvm::divideCeil(stored, width);
  int64_t most = kElementsOfLane / width;
  if (groups == 1) {
    // Lanes that would each have the chunks that lie side by side.
    int64_t full = llvm::divideCeil(chunks, span);
    int64_t wanted = std::max(std::min(full, kGoodThreads),
                              llvm::divideCeilSigned(chunks, most));
    threads = lanes = llvm::alignTo(wanted, kWarp);
    if (threads > kMaxThreads)
      return op.emitOpError("has rows of ")
             << columns << " columns, more than the "
             << kMaxThreads * kElementsOfLane << " that a block can hold";
  } else {
    lanes =
        std::min<int64_t>(llvm::bit_ceil(static_cast<uint64_t>(chunks)), kWarp);
    threads =
        std::min<int64_t>(llvm::alignTo(groups * lanes, kWarp), kGoodThreads);
    if (chunks > lanes * most)
      return op.emitOpError("has groups of ")
             << columns << " columns, more than the " << kWarp * kElementsOfLane
             << " that a warp can hold";
  }
  chunksPerLane = llvm::divideCeil(chunks, lanes * span) * span;
  op.getPrologue().walk([&](tok::ReduceRowOp) { ++reductions; });
  // Angles are two vectors a chunk.
  int64_t vectors = op.getInputs().size() - gather + (angles >= 0);
  int64_t some = std::max<int64_t>(1, kElementsOfLane / (vectors * width));
  chunksAtOnce = reductions ? chunksPerLane : llvm::alignTo(some, span);
  return success();
}

FailureOr<RowwiseShape> RowwiseShape::of(tok::KernelOp op) {
  RowwiseShape shape;
  shape.columns = configInt(op, "columns");
  shape.gather = op.getConfig().contains("gather");
  if (shape.columns < 1)
    return op.emitOpError("expects at least one column, but got ")
           << shape.columns;
  if (op.getPrologue().empty())
    return op.emitOpError("expects a prologue");
  if (op.getConfig().contains("group")) {
    shape.groups = shape.columns / configInt(op, "group");
    shape.columns = configInt(op, "group");
  }
  if (op.getConfig().contains("angles")) {
    shape.angles = configInt(op, "angles");
    shape.head = configInt(op, "head");
  }
  if (failed(shape.checkOperands(op)) || failed(shape.dealOut(op)))
    return failure();
  return shape;
}
