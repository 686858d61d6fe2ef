//===- SampleOps.cpp - From logits to a token, and schedules --------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Tok/Bounds.h"
#include "dialects/Tok/TokOps.h"

using namespace mlir;
using namespace tokopt::tok;

LogicalResult SampleOp::verify() {
  if (getParams().getType().getDimSize(1) != 4)
    return emitOpError("expects 4 parameters a row (temperature, top_k, top_p, "
                       "min_p), but got ")
           << getParams().getType();
  if (getSeeds().getType().getDimSize(1) != 2)
    return emitOpError("expects a seed and a counter a row, but got ")
           << getSeeds().getType();
  if (getLogits().getType().isDynamicDim(1))
    return emitOpError("expects a static vocabulary, but got ")
           << getLogits().getType();
  return success();
}

LogicalResult ScheduleOp::verify() {
  if (static_cast<int64_t>(getBudget()) <= 0)
    return emitOpError("expects a positive budget, but got ") << getBudget();
  if (static_cast<int64_t>(getBudget()) > kMaxCount)
    return emitOpError("expects a budget of at most ")
           << kMaxCount << ", but got " << getBudget();
  // The runtime obeys one. The later of two is the one too many.
  for (Operation *other = (*this)->getBlock() ? (*this)->getPrevNode()
                                              : nullptr;
       other; other = other->getPrevNode())
    if (isa<ScheduleOp>(other))
      return emitOpError("expects to be the module's only schedule")
                 .attachNote(other->getLoc())
             << "the other one is here";
  bool layered = getKind() == ScheduleKind::Layered;
  if (layered != getGroups().has_value())
    return emitOpError("expects groups if and only if it is layered");
  if (!layered)
    return success();
  ArrayRef<int64_t> groups = *getGroups();
  if (groups.size() < 2 || groups.front() != 0 ||
      !llvm::is_sorted(groups, std::less_equal<int64_t>()))
    return emitOpError(
        "expects ascending boundaries from 0 to the number of layers");
  ModelAttr model = findModel(*this);
  if (model && groups.back() != model.getLayers())
    return emitOpError("expects the last boundary to be the number of layers ")
           << model.getLayers() << ", but got " << groups.back();
  return success();
}
