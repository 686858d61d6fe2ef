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

/// Checks that a side result has the rows and heads of the query.
static LogicalResult checkSideResult(AttentionOp op, StringRef name,
                                     Value result) {
  if (!result)
    return success();
  ArrayRef<int64_t> query = op.getQuery().getType().getShape();
  auto shape = cast<RankedTensorType>(result.getType()).getShape();
  if (shape[0] != query[0] || shape[1] != query[1])
    return op.emitOpError("expects ")
           << name << " to have the query's rows and its " << query[1]
           << " heads, but got " << result.getType();
  return success();
}

/// Checks that an operand is given if and only if the result that is made with
/// it is asked for.
static LogicalResult checkPair(AttentionOp op, StringRef result, bool isAsked,
                               StringRef operand, bool isGiven) {
  if (isAsked == isGiven)
    return success();
  return op.emitOpError("expects ")
         << operand << " with the result " << result << " and only with it";
}

static LogicalResult checkSideResults(AttentionOp op) {
  Value mass = op.getKeyMass(), before = op.getMassSoFar(),
        probs = op.getWindowProbs();
  if (failed(checkSideResult(op, "lse", op.getLse())) ||
      failed(checkSideResult(op, "window_probs", probs)) ||
      failed(checkPair(op, "window_probs", probs != Value(), "slots(...)",
                       op.getSlots() != Value())) ||
      failed(checkPair(op, "key_mass", mass != Value(),
                       "the sum so far, key_mass(...),", before != Value())))
    return failure();
  if (!mass)
    return success();
  int64_t heads = op.getQuery().getType().getDimSize(1);
  if (mass.getType() != before.getType())
    return op.emitOpError("expects key_mass to be of the type of the sum so "
                          "far, ")
           << before.getType() << ", but got " << mass.getType();
  if (cast<RankedTensorType>(mass.getType()).getDimSize(1) != heads)
    return op.emitOpError("expects key_mass of ")
           << heads << " heads, but got " << mass.getType();
  return success();
}

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
  return failure(failed(checkSideResults(*this)) ||
                 failed(verifyCacheUses(getCache())));
}

OpOperand &AttentionOp::getCacheOperand() { return getCacheMutable(); }
Value AttentionOp::getCacheLayer() { return getLayer(); }
bool AttentionOp::consumesCache() { return false; }
