//===- GemmShape.cpp - How a linear of many rows is dealt out -------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cuda/GemmShape.h"

#include "lib/Kernels/Common/Config.h"
#include "lib/Kernels/Cuda/AttentionShape.h"
#include "lib/Kernels/Cuda/Linear.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cuda;
using namespace tokopt::kernels;

/// Blocks of a multiprocessor at most: more leave a thread too few registers.
static constexpr int64_t kMostResidents = 2;

bool GemmShape::serves(tok::KernelOp op) {
  Type element = getMatrixElement(op, 0);
  return element.isF16() || element.isBF16();
}

GemmShape::GemmShape(tok::KernelOp op, const TargetDescription &target)
    : element(getMatrixElement(op, 0)), matrices(configInt(op, "matrices")),
      columns(configInt(op, "inputs")), outputs(configInt(op, "outputs")),
      rowTile(configOr(op, "row_tile", kMostRows)) {
  stages = configOr(op, "stages", chooseStages(target));
}

/// At least three where two blocks fit, else as many as one block can have.
int64_t GemmShape::chooseStages(const TargetDescription &target) const {
  int64_t shared = target.cuda->sharedBytes;
  for (int64_t blocks : {kMostResidents, int64_t(1)}) {
    int64_t fit = std::min(mostStages(rowTile), shared / blocks / stageBytes());
    if (fit > 2)
      return fit;
  }
  return 2;
}

int64_t GemmShape::residents(const TargetDescription &target) const {
  return std::clamp<int64_t>(target.cuda->sharedBytes / (stages * stageBytes()),
                             1, kMostResidents);
}

LogicalResult GemmShape::check(tok::KernelOp op) const {
  for (int64_t i = 0; i < matrices; ++i)
    if (getMatrixElement(op, i) != element)
      return op.emitOpError("has weights of ")
             << getMatrixElement(op, i) << " and of " << element
             << ", which have no CUDA template together";
  if (matrices > 2)
    return op.emitOpError("expects at most 2 matrices in a CUDA kernel, but "
                          "got ")
           << matrices;
  Builder builder(op.getContext());
  Type compute = configName(op, "compute") == "bf16"
                     ? Type(builder.getBF16Type())
                     : builder.getF16Type();
  if (compute != element)
    return op.emitOpError("computes with weights of ")
           << element << " in " << compute
           << ", which has no CUDA template: expects compute = " << element;
  return success();
}
