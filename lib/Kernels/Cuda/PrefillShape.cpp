//===- PrefillShape.cpp - How tiles of attention are dealt out ------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cuda/PrefillShape.h"

#include "lib/Kernels/Common/Config.h"
#include "lib/Kernels/Cuda/AttentionShape.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cuda;
using namespace tokopt::kernels;

bool cuda::computesInHalves(tok::KernelOp op) {
  StringRef compute = configName(op, "compute");
  return compute == "f16" || compute == "bf16";
}

bool cuda::hasWarpgroups(const TargetDescription &target) {
  return target.cuda && target.cuda->capability == 90 &&
         target.cuda->isSpecific;
}

PrefillShape::PrefillShape(tok::KernelOp op, bool onWarpgroups)
    : cache(cast<tok::CacheType>(op.getInputs()[1].getType())),
      group(configInt(op, "heads") / cache.getHeads()),
      onWarpgroups(onWarpgroups),
      // Two warpgroups take turns at the tensor cores.
      rowTile(configOr(op, "row_tile", onWarpgroups ? 128 : 64)),
      stages(configOr(op, "stages", onWarpgroups ? 3 : 2)),
      window(configInt(op, "window")), scale(configFloat(op, "scale")) {
  Builder builder(op.getContext());
  element = configName(op, "compute") == "bf16" ? Type(builder.getBF16Type())
                                                : builder.getF16Type();
}

int64_t PrefillShape::multiplyingRegisters() const {
  constexpr int64_t kRegisters = 65536, kUnit = 8;
  int64_t first = kRegisters / threads() / kUnit * kUnit;
  int64_t released = (first - kCopyingRegisters) / warpgroups();
  return first + released / kUnit * kUnit;
}

/// Heads of more channels leave no registers for their sums; those of fewer do
/// not fill the banks of shared memory.
static bool isHeadSize(int64_t size) { return size == 64 || size == 128; }

LogicalResult PrefillShape::check(tok::KernelOp op) const {
  if (op.getOutputs().size() != 1 || op.getConfig().contains("full"))
    return op.emitOpError("has a mask or results that have no CUDA template: "
                          "expects one output and positions that see those "
                          "before");
  if (cache.getKType() != element || cache.getVType() != element)
    return op.emitOpError("computes in ")
           << element << " and expects a cache of it, but got keys of "
           << cache.getKType() << " and values of " << cache.getVType();
  for (auto [what, size] : {std::pair("keys", cache.getKSize()),
                            std::pair("values", cache.getVSize())})
    if (!isHeadSize(size))
      return op.emitOpError("expects heads of ")
             << what << " of 64 or 128 to compute in " << element
             << ", but got " << size;
  // Scores are scaled after their maximum is taken, and a masked one must stay
  // below all others.
  if (!(scale >= 1e-9 && scale <= 1e9))
    return op.emitOpError("expects a scale from 1e-9 to 1e9 to compute in ")
           << element << ", but got " << scale;
  return success();
}
