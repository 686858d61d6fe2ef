//===- PackedShape.cpp - How a packed linear is dealt out -----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cuda/PackedShape.h"

#include "lib/Kernels/Common/Config.h"
#include "lib/Kernels/Cuda/AttentionShape.h"
#include "lib/Kernels/Cuda/Linear.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cuda;
using namespace tokopt::kernels;

PackedShape::PackedShape(tok::KernelOp op, const TargetDescription &target)
    : matrices(configInt(op, "matrices")), columns(configInt(op, "inputs")),
      outputs(configInt(op, "outputs")),
      rowTile(configOr(op, "row_tile", kProductColumns)) {
  for (int64_t i = 0; i < matrices; ++i) {
    const Codec *codec = findCodec(getMatrixElement(op, i));
    codecs.push_back(codec && codec->groupColumns() == PackedTile::kGroupColumns
                         ? codec
                         : nullptr);
  }
  // The order of a row's sum follows from the number of warps, so that follows
  // from the shape alone.
  int64_t most = llvm::bit_floor(static_cast<uint64_t>(tiles()));
  warps = configOr(op, "warps", std::min<int64_t>(8, most));
  stages = configOr(op, "stages", chooseStages(target));
}

int64_t PackedShape::weightBytes() const {
  int64_t most = 0;
  for (const Codec *codec : codecs)
    if (codec)
      most = std::max(most, PackedTile(*codec).bytes());
  return most;
}

/// As many as leave room for two blocks, or for one where two never fit: a
/// warp's loads in flight are all stages but one, and memory wants some 32 KiB
/// in flight for each multiprocessor (3.35 TB/s for 1 us, by 132).
int64_t PackedShape::chooseStages(const TargetDescription &target) const {
  for (int64_t blocks : {2, 1})
    for (int64_t stages = kMostStages; stages >= 2; --stages)
      if (blocks * sharedBytes(stages) <= target.cuda->sharedBytes)
        return stages;
  return 2;
}

int64_t PackedShape::residents(const TargetDescription &target) const {
  constexpr int64_t kThreads = 65536 / 128;
  return std::max<int64_t>(
      1, std::min(target.cuda->sharedBytes / sharedBytes(stages),
                  kThreads / threads()));
}

LogicalResult PackedShape::check(tok::KernelOp op) const {
  StringRef compute = configName(op, "compute");
  for (int64_t i = 0; i < matrices; ++i)
    if (!codecs[i])
      return op.emitOpError("has weights of ")
             << getMatrixElement(op, i) << ", which have no CUDA template"
             << (i ? " together with packed ones" : "");
  if (compute != "f16")
    return op.emitOpError("computes with weights of ")
           << getMatrixElement(op, 0) << " in " << compute
           << ", which has no CUDA template: expects compute = f16";
  if (matrices > kMostMatrices)
    return op.emitOpError("expects at most ")
           << kMostMatrices << " matrices in a CUDA kernel, but got "
           << matrices;
  return success();
}
