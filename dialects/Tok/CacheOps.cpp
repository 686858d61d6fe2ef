//===- CacheOps.cpp - The cache as a value, and attention over it ---------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Tok/CacheUses.h"
#include "dialects/Tok/TokOps.h"

using namespace mlir;
using namespace tokopt::tok;

static LogicalResult checkHeads(Operation *op, StringRef what, Type type,
                                int64_t heads, int64_t size) {
  auto shape = cast<RankedTensorType>(type).getShape();
  if (shape[1] != heads || shape[2] != size)
    return op->emitOpError("expects the ")
           << what << " to have " << heads << " heads of " << size
           << ", but got " << type;
  return success();
}

//===----------------------------------------------------------------------===//
// AppendOp
//===----------------------------------------------------------------------===//

LogicalResult AppendOp::verify() {
  CacheType cache = getCache().getType();
  if (failed(checkHeads(*this, "key", getKey().getType(), cache.getHeads(),
                        cache.getKSize())) ||
      failed(checkHeads(*this, "value", getValue().getType(), cache.getHeads(),
                        cache.getVSize())))
    return failure();
  return failure(failed(verifyCacheUses(getCache())) ||
                 failed(verifyCacheUses(getOutput())));
}

OpOperand &AppendOp::getCacheOperand() { return getCacheMutable(); }
Value AppendOp::getCacheLayer() { return getLayer(); }
bool AppendOp::consumesCache() { return true; }

//===----------------------------------------------------------------------===//
// AttentionOp
//===----------------------------------------------------------------------===//

LogicalResult AttentionOp::verify() {
  CacheType cache = getCache().getType();
  ArrayRef<int64_t> query = getQuery().getType().getShape();
  if (ShapedType::isDynamic(query[1]) || ShapedType::isDynamic(query[2]))
    return emitOpError("expects static heads, but got ")
           << getQuery().getType();
  if (query[1] <= 0 || query[1] % cache.getHeads())
    return emitOpError("expects the number of query heads (")
           << query[1]
           << ") to be a positive multiple of the number of key/value heads ("
           << cache.getHeads() << ")";
  if (query[2] != cache.getKSize())
    return emitOpError("expects query heads of the keys' size ")
           << cache.getKSize() << ", but got " << query[2];
  if (failed(checkHeads(*this, "output", getOutput().getType(), query[1],
                        cache.getVSize())))
    return failure();
  // [T, H], [S] and [T, H, S]: only H is known here.
  for (Value perHead : {getLse(), getWindowProbs()})
    if (perHead &&
        cast<RankedTensorType>(perHead.getType()).getDimSize(1) != query[1])
      return emitOpError("expects lse and window_probs of ")
             << query[1] << " heads, but got " << perHead.getType();
  return verifyCacheUses(getCache());
}

OpOperand &AttentionOp::getCacheOperand() { return getCacheMutable(); }
Value AttentionOp::getCacheLayer() { return getLayer(); }
bool AttentionOp::consumesCache() { return false; }
