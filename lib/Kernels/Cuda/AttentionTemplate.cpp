//===- AttentionTemplate.cpp - Attention, and what may be chosen ----------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is computed in f32 is made for few rows, what is computed on tensor
// cores for many; `compute` says which. It rounds queries and weights, so
// nobody chooses it by cost. On tensor cores, the target says whether warps
// multiply or warpgroups.
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Common/Config.h"
#include "lib/Kernels/Cuda/Attention.h"
#include "lib/Kernels/Cuda/AttentionShape.h"
#include "lib/Kernels/Cuda/PrefillShape.h"
#include "lib/Kernels/Cuda/Templates.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cuda;
using namespace tokopt::kernels;

/// The knobs of each of the kernels.
static constexpr StringLiteral kDecodeKnobs[] = {"group", "warps",
                                                 "split_rows"};
static constexpr StringLiteral kPrefillKnobs[] = {"row_tile", "stages"};

namespace {

struct AttentionTemplate : KernelTemplate {
  StringRef getFamily() const override { return "attention"; }
  std::optional<ArrayRef<StringLiteral>> getKeys() const override {
    static constexpr StringLiteral kKeys[] = {"heads",     "scale",  "window",
                                              "full",      "cache",  "context",
                                              "row_bytes", "compute"};
    return kKeys;
  }

  ArrayRef<KernelKnob> getKnobs() const override {
    static constexpr KernelKnob kKnobs[] = {
        {"group", "1 to 8, a divisor of the query heads of a key/value head",
         "query heads that share what a block reads",
         [](tok::KernelOp op, int64_t value) {
           auto cache = cast<tok::CacheType>(op.getInputs()[1].getType());
           return value >= 1 && value <= kMostHeads &&
                  configInt(op, "heads") / cache.getHeads() % value == 0;
         }},
        {"warps", "2, 4 or 8", "warps of a block",
         [](tok::KernelOp, int64_t value) {
           return value == 2 || value == 4 || value == 8;
         }},
        {"split_rows", "1 to 65535",
         "rows up to which blocks share the segments of a row",
         [](tok::KernelOp, int64_t value) {
           return value >= 1 && value <= 65535;
         }},
        {"row_tile", "64 or 128",
         "rows of a block that computes in f16 or bf16",
         [](tok::KernelOp, int64_t value) {
           return value == 64 || value == 128;
         }},
        {"stages", "2 or 3",
         "blocks of keys and values that it has in shared memory",
         [](tok::KernelOp, int64_t value) { return value == 2 || value == 3; }},
    };
    return kKnobs;
  }

  FailureOr<KernelChoice>
  choose(tok::KernelOp op, const TargetDescription &target) const override {
    bool inHalves = computesInHalves(op);
    for (StringRef knob :
         inHalves ? ArrayRef(kDecodeKnobs) : ArrayRef(kPrefillKnobs))
      if (op.getConfig().contains(knob))
        return op.emitOpError("has the knob '")
               << knob << "', but only what computes in "
               << (inHalves ? "f32" : "f16 or bf16") << " has it";
    if (inHalves) {
      PrefillShape shape(op, hasWarpgroups(target));
      return KernelChoice{
          completeConfig(
              op, {{"row_tile", shape.rowTile}, {"stages", shape.stages}}),
          std::to_string(shape.rowTile) + " rows and " +
              std::to_string(shape.stages) + " stages a block",
          "more of them",
          "shared memory and registers hold more than one block"};
    }
    AttentionShape shape(op);
    return KernelChoice{completeConfig(op, {{"group", shape.group},
                                            {"warps", shape.warps},
                                            {"split_rows", shape.splitRows}}),
                        std::to_string(shape.group) + " query heads and " +
                            std::to_string(shape.warps) + " warps a block",
                        "fewer heads",
                        "as many heads as registers hold share a read"};
  }

  int64_t getSharedBytes(tok::KernelOp op) const override {
    if (computesInHalves(op))
      return 0;
    AttentionShape shape(op);
    return shape.splitRows * shape.rowStateBytes();
  }

  LogicalResult emit(tok::KernelOp op, func::FuncOp function,
                     const TargetDescription &target) const override {
    if (!computesInHalves(op))
      return emitDecode(op, function, target);
    return hasWarpgroups(target) ? emitWarpgroupPrefill(op, function, target)
                                 : emitPrefill(op, function, target);
  }
};

} // namespace

const KernelTemplate &cuda::attentionTemplate() {
  static const AttentionTemplate instance;
  return instance;
}
