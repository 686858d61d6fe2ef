//===- CacheOps.cpp - The cache as a value, and attention over it ---------===//

#include "dialects/Tok/TokOps.h"

#include "mlir/IR/Builders.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace tokopt::tok;

/// Whether `use` ends the life of the cache value.
static bool isConsuming(OpOperand &use) {
  if (auto user = dyn_cast<CacheUserInterface>(use.getOwner()))
    return user.consumesCache();
  return true; // return, yield, stack
}

/// A cache is updated in place, so `use` of `op` must not read what another use has consumed:
/// at most one consuming use, after all reads of it.
static LogicalResult verifyCacheUse(Operation *op, OpOperand &operand) {
  for (OpOperand &other : operand.get().getUses()) {
    if (&other == &operand || !isConsuming(other))
      continue;
    if (isConsuming(operand))
      return op->emitOpError("consumes a cache that has another consuming use")
                 .attachNote(other.getOwner()->getLoc())
             << "the other use is here";
    Operation *consumer = op->getBlock()->findAncestorOpInBlock(*other.getOwner());
    if (consumer && !op->isBeforeInBlock(consumer))
      return op->emitOpError("reads a cache after its consuming use")
                 .attachNote(other.getOwner()->getLoc())
             << "the consuming use is here";
  }
  return success();
}

static LogicalResult checkHeads(Operation *op, StringRef what, Type type, int64_t heads,
                                int64_t size) {
  auto shape = cast<RankedTensorType>(type).getShape();
  if (shape[1] != heads || shape[2] != size)
    return op->emitOpError("expects the ") << what << " to have " << heads << " heads of " << size
                                           << ", but got " << type;
  return success();
}

//===----------------------------------------------------------------------===//
// AppendOp
//===----------------------------------------------------------------------===//

LogicalResult AppendOp::verify() {
  CacheType cache = getCache().getType();
  if (failed(checkHeads(*this, "key", getKey().getType(), cache.getHeads(), cache.getKSize())) ||
      failed(checkHeads(*this, "value", getValue().getType(), cache.getHeads(), cache.getVSize())))
    return failure();
  return verifyCacheUse(*this, getCacheMutable());
}

OpOperand &AppendOp::getCacheOperand() { return getCacheMutable(); }
bool AppendOp::consumesCache() { return true; }

//===----------------------------------------------------------------------===//
// AttentionOp
//===----------------------------------------------------------------------===//

LogicalResult AttentionOp::verify() {
  CacheType cache = getCache().getType();
  ArrayRef<int64_t> query = getQuery().getType().getShape();
  if (ShapedType::isDynamic(query[1]) || ShapedType::isDynamic(query[2]))
    return emitOpError("expects static heads, but got ") << getQuery().getType();
  if (query[1] % cache.getHeads())
    return emitOpError("expects the number of query heads (")
           << query[1] << ") to be a multiple of the number of key/value heads ("
           << cache.getHeads() << ")";
  if (query[2] != cache.getKSize())
    return emitOpError("expects query heads of the keys' size ")
           << cache.getKSize() << ", but got " << query[2];
  if (failed(checkHeads(*this, "output", getOutput().getType(), query[1], cache.getVSize())))
    return failure();
  return verifyCacheUse(*this, getCacheMutable());
}

OpOperand &AttentionOp::getCacheOperand() { return getCacheMutable(); }
bool AttentionOp::consumesCache() { return false; }
