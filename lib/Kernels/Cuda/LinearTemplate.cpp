//===- LinearTemplate.cpp - Linears, and what may be chosen ---------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two kernels: over packed weights for few rows, and over weights of f16 or
// bf16 for many. The format says which, and `compute` what inputs were rounded
// to; both are the op's, so neither is chosen.
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Common/Config.h"
#include "lib/Kernels/Cuda/AttentionShape.h"
#include "lib/Kernels/Cuda/GemmShape.h"
#include "lib/Kernels/Cuda/Linear.h"
#include "lib/Kernels/Cuda/PackedShape.h"
#include "lib/Kernels/Cuda/Templates.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cuda;
using namespace tokopt::kernels;

/// Tensor cores multiply no f32, and no groups of i8 with scales of their own.
static LogicalResult checkCompute(tok::KernelOp op) {
  StringRef compute = configName(op, "compute");
  if (compute == "f16" || compute == "bf16")
    return success();
  return op.emitOpError("computes in ")
         << compute
         << ", which has no CUDA template: expects compute = f16, or bf16 with "
            "weights of bf16";
}

/// The most stages that a ring may have.
static int64_t mostStages(tok::KernelOp op) {
  return GemmShape::serves(op) ? GemmShape::mostStages(configOr(
                                     op, "row_tile", GemmShape::kMostRows))
                               : PackedShape::kMostStages;
}

namespace {

struct LinearTemplate : KernelTemplate {
  StringRef getFamily() const override { return "linear"; }

  std::optional<ArrayRef<StringLiteral>> getKeys() const override {
    static constexpr StringLiteral kKeys[] = {"matrices", "inputs", "outputs",
                                              "compute"};
    return kKeys;
  }

  ArrayRef<KernelKnob> getKnobs() const override {
    static constexpr KernelKnob kKnobs[] = {
        {"row_tile",
         "1, 2, 4, 8 or 16 with packed weights, 16, 32, 64 or 128 with others",
         "rows of a block",
         [](tok::KernelOp op, int64_t value) {
           int64_t least = GemmShape::serves(op) ? 16 : 1,
                   most = GemmShape::serves(op) ? 128 : 16;
           return value >= least && value <= most && llvm::isPowerOf2_64(value);
         }},
        {"warps", "1, 2, 4 or 8, with packed weights",
         "warps of a block, which share the columns",
         [](tok::KernelOp op, int64_t value) {
           return !GemmShape::serves(op) && value >= 1 && value <= 8 &&
                  llvm::isPowerOf2_64(value);
         }},
        {"stages", "2, 3 or 4, and up to 8 for 16 rows of f16 or bf16",
         "tiles of weights in shared memory, of a warp where they are packed",
         [](tok::KernelOp op, int64_t value) {
           return value >= 2 && value <= mostStages(op);
         }},
    };
    return kKnobs;
  }

  FailureOr<KernelChoice>
  choose(tok::KernelOp op, const TargetDescription &target) const override {
    if (failed(checkCompute(op)))
      return failure();
    if (GemmShape::serves(op)) {
      GemmShape shape(op, target);
      if (failed(shape.check(op)))
        return failure();
      return KernelChoice{completeConfig(op, {{"row_tile", shape.rowTile},
                                              {"stages", shape.stages}}),
                          std::to_string(shape.rowTile) + " rows and " +
                              std::to_string(shape.stages) + " stages a block",
                          "fewer rows",
                          "rows of a tile share what it reads of weights"};
    }
    PackedShape shape(op, target);
    if (failed(shape.check(op)))
      return failure();
    return KernelChoice{completeConfig(op, {{"row_tile", shape.rowTile},
                                            {"warps", shape.warps},
                                            {"stages", shape.stages}}),
                        std::to_string(shape.rowTile) + " rows, " +
                            std::to_string(shape.warps) + " warps and " +
                            std::to_string(shape.stages) + " stages a block",
                        "fewer stages",
                        "as many as leave shared memory for two blocks"};
  }

  LogicalResult emit(tok::KernelOp op, func::FuncOp function,
                     const TargetDescription &target) const override {
    return GemmShape::serves(op) ? emitGemm(op, function, target)
                                 : emitPackedLinear(op, function, target);
  }
};

} // namespace

const KernelTemplate &cuda::linearTemplate() {
  static const LinearTemplate instance;
  return instance;
}
