//===- CacheUses.cpp - Who may use a cache value --------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Tok/CacheUses.h"

#include "dialects/Tok/TokOps.h"

using namespace mlir;
using namespace tokopt::tok;

static bool isConsuming(OpOperand &use) {
  auto user = dyn_cast<CacheUserInterface>(use.getOwner());
  return !user || user.consumesCache();
}

/// Whether all of `first` happens before `second` begins, in whatever regions
/// they stand.
static bool isBefore(Operation *first, Operation *second) {
  if (Operation *outer = second->getBlock()->findAncestorOpInBlock(*first))
    return outer->isBeforeInBlock(second);
  if (Operation *outer = first->getBlock()->findAncestorOpInBlock(*second))
    return first->isBeforeInBlock(outer);
  return true; // in different regions of one op: at most one of them runs
}

LogicalResult tokopt::tok::verifyCacheUses(Value cache) {
  Operation *consumer = nullptr;
  for (OpOperand &use : cache.getUses()) {
    Operation *user = use.getOwner();
    if (!isConsuming(use))
      continue;
    if (consumer) {
      if (isBefore(user, consumer))
        std::swap(user, consumer);
      return user->emitOpError(
                     "consumes a cache that has another consuming use")
                 .attachNote(consumer->getLoc())
             << "the other use is here";
    }
    consumer = user;
    // A region may run more than once, and would consume the cache again.
    if (user->getParentRegion() != cache.getParentRegion())
      return user->emitOpError("consumes a cache of an outer region");
  }
  for (OpOperand &use : cache.getUses()) {
    Operation *user = use.getOwner();
    if (consumer && user != consumer && !isBefore(user, consumer))
      return user->emitOpError("reads a cache after its consuming use")
                 .attachNote(consumer->getLoc())
             << "the consuming use is here";
  }
  return success();
}
