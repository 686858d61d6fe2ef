//===- PlanImage.cpp - Decide where each weight lies in the bundle --------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A step walks the layers in order and, in a layer, the weights in about the
// order in which the model declares them: lying so, they stream.
//
// Contract: exact.
//
//===----------------------------------------------------------------------===//

#include "lib/Lower/Passes.h"

namespace tokopt {
#define GEN_PASS_DEF_PLANIMAGEPASS
#include "lib/Lower/Passes.h.inc"
} // namespace tokopt

using namespace mlir;
using namespace tokopt;

namespace {

struct PlanImagePass : tokopt::impl::PlanImagePassBase<PlanImagePass> {
  using PlanImagePassBase::PlanImagePassBase;

  void runOnOperation() override {
    FailureOr<const KernelTarget *> found =
        findKernelTarget(getOperation(), target);
    if (failed(found))
      return signalPassFailure();
    struct Member {
      int64_t layer; // -1 for a weight that is no family
      tok::WeightOp weight;
      size_t index;
      size_t order = 0;
    };
    SmallVector<Member> members;
    DenseMap<Operation *, SmallVector<int64_t>> places;
    for (tok::WeightOp weight : tok::getStoredWeights(getOperation())) {
      size_t count = weight.getOffsets().size();
      places[weight].resize(count);
      for (size_t i = 0; i < count; ++i)
        members.push_back(
            {weight.getLayers() ? (*weight.getLayers())[i] : -1, weight, i, 0});
    }
    // Members stand in the order of the ops, which the sort by layer keeps.
    for (auto [order, member] : llvm::enumerate(members))
      member.order = order;
    llvm::sort(members, [](const Member &a, const Member &b) {
      return std::tie(a.layer, a.order) < std::tie(b.layer, b.order);
    });
    int64_t offset = 0;
    for (Member &member : members) {
      places[member.weight][member.index] = offset;
      std::optional<int64_t> bytes =
          (*found)->getPackedBytes(member.weight.getTensorType());
      if (!bytes) {
        member.weight.emitOpError("cannot be packed: the target '")
            << target << "' has no layout for " << member.weight.getTensorType()
            << " yet";
        return signalPassFailure();
      }
      offset += *bytes;
    }
    for (auto &[weight, image] : places)
      cast<tok::WeightOp>(weight).setImage(image);
  }
};

} // namespace
