//===- AttentionShape.cpp - How attention is dealt out --------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cuda/AttentionShape.h"

#include "lib/Kernels/Common/Config.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cuda;
using namespace tokopt::kernels;

/// Registers of a lane that leave room for addresses and what else comes and
/// goes.
static constexpr int64_t kMostRegisters = 192;
/// Bytes of states that are worth splitting the rows of a launch, and rows that
/// fill any device without it.
static constexpr int64_t kMostStateBytes = int64_t(16) << 20;
static constexpr int64_t kMostSplitRows = 64;

int64_t cuda::configOr(tok::KernelOp op, StringRef name, int64_t otherwise) {
  if (!op.getConfig().contains(name))
    return otherwise;
  auto value = op.getConfig().getAs<IntegerAttr>(name);
  return value ? value.getInt() : -1;
}

AttentionShape::AttentionShape(tok::KernelOp op)
    : cache(cast<tok::CacheType>(op.getInputs()[1].getType())),
      keys(cache.getKType(), cache.getKSize()),
      values(cache.getVType(), cache.getVSize()),
      heads(configInt(op, "heads") / cache.getHeads()),
      warps(configOr(op, "warps", 4)),
      segments(
          llvm::divideCeil(configInt(op, "context"), kBlock * kSegmentBlocks)) {
  group = configOr(op, "group", chooseGroup());
  splitRows = configOr(op, "split_rows", chooseSplitRows());
}

int64_t AttentionShape::chooseGroup() const {
  int64_t best = 1, chunks = 4 * (loads(keys) + loads(values));
  for (int64_t some = 2; some <= std::min(heads, kMostHeads); ++some) {
    int64_t registers = chunks + some * (keys.chunkElements() +
                                         values.chunkElements() + loads(keys));
    if (heads % some == 0 && registers <= kMostRegisters)
      best = some;
  }
  return best;
}

int64_t AttentionShape::chooseSplitRows() const {
  return std::clamp<int64_t>(kMostStateBytes /
                                 std::max<int64_t>(rowStateBytes(), 1),
                             1, kMostSplitRows);
}

static LogicalResult checkHeads(tok::KernelOp op, const AttentionShape &shape,
                                const CacheCodec &codec, StringRef what) {
  if (codec.size % codec.chunkElements() || codec.lanes() > kWarp)
    return op.emitOpError("expects heads of ")
           << what << " to be a multiple of " << codec.chunkElements()
           << " and at most " << kWarp * codec.chunkElements() << " x "
           << codec.element << ", but got " << codec.size;
  if (shape.slice() * codec.lanes() < kWarp)
    return op.emitOpError("expects heads of ")
           << what << " of at least "
           << kWarp / shape.slice() * codec.chunkElements() << " x "
           << codec.element << " with " << shape.warps << " warps, but got "
           << codec.size;
  return success();
}

LogicalResult AttentionShape::check(tok::KernelOp op) const {
  if (op.getOutputs().size() != 1 || op.getConfig().contains("full"))
    return op.emitOpError("has a mask or results that have no CUDA template: "
                          "expects one output and positions that see those "
                          "before");
  if (failed(checkHeads(op, *this, keys, "keys")) ||
      failed(checkHeads(op, *this, values, "values")))
    return failure();
  return success();
}
