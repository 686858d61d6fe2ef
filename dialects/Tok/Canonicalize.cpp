//===- Canonicalize.cpp - Rewrites that hold whatever the values ----------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each keeps every bit of every result. Ops without effect that nobody reads
// are erased by the driver itself.
//
//===----------------------------------------------------------------------===//

#include "dialects/Tok/TokOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace tokopt::tok;

//===----------------------------------------------------------------------===//
// TakeOp
//===----------------------------------------------------------------------===//

/// Taking every row in its order takes nothing.
LogicalResult TakeOp::fold(FoldAdaptor adaptor,
                           SmallVectorImpl<OpFoldResult> &results) {
  auto indices =
      dyn_cast_if_present<DenseIntElementsAttr>(adaptor.getIndices());
  if (!indices || getInput().getType() != getOutput().getType())
    return failure();
  for (auto [row, index] : llvm::enumerate(indices.getValues<APInt>()))
    if (index.getSExtValue() != static_cast<int64_t>(row))
      return failure();
  results.push_back(getInput());
  if (getRows())
    results.push_back(getRows());
  return success();
}

/// Columns that nobody reads are not taken.
LogicalResult TakeOp::canonicalize(TakeOp op, PatternRewriter &rewriter) {
  if (!op.getRows())
    return rewriter.notifyMatchFailure(op, "takes no columns");
  if (!op.getOutputRows().use_empty())
    return rewriter.notifyMatchFailure(op, "its columns are read");
  auto plain = TakeOp::create(rewriter, op.getLoc(), op.getOutput().getType(),
                              /*outputRows=*/Type(), op.getInput(),
                              op.getIndices(), /*rows=*/Value());
  rewriter.replaceAllUsesWith(op.getOutput(), plain.getOutput());
  rewriter.eraseOp(op);
  return success();
}

//===----------------------------------------------------------------------===//
// EmbedOp
//===----------------------------------------------------------------------===//

/// `embed * c` becomes an embedding with the scale c, if it has none: 1 * x is
/// x, while the product of two scales would round differently.
LogicalResult EmbedOp::canonicalize(EmbedOp op, PatternRewriter &rewriter) {
  if (op.getScale().convertToFloat() != 1.0f)
    return rewriter.notifyMatchFailure(op, "has a scale");
  if (!op->hasOneUse())
    return rewriter.notifyMatchFailure(op, "is read more than once");
  auto product = dyn_cast<arith::MulFOp>(*op->user_begin());
  if (!product)
    return rewriter.notifyMatchFailure(op, "is not multiplied");
  Value other =
      product.getLhs() == op.getOutput() ? product.getRhs() : product.getLhs();
  DenseElementsAttr factor;
  if (!matchPattern(other, m_Constant(&factor)) || !factor.isSplat())
    return rewriter.notifyMatchFailure(op, "is not multiplied by a constant");
  rewriter.setInsertionPoint(product);
  rewriter.replaceOpWithNewOp<EmbedOp>(
      product, product.getType(), op.getIds(), op.getWeightAttr(),
      rewriter.getF32FloatAttr(
          factor.getSplatValue<APFloat>().convertToFloat()));
  rewriter.eraseOp(op);
  return success();
}

//===----------------------------------------------------------------------===//
// AttentionOp
//===----------------------------------------------------------------------===//

/// Side results that nobody reads are not computed, nor is what they are made
/// with needed then, and a window that no
/// sequence outgrows is none.
LogicalResult AttentionOp::canonicalize(AttentionOp op,
                                        PatternRewriter &rewriter) {
  auto isUnread = [](Value v) { return v && v.use_empty(); };
  Value lse = op.getLse(), mass = op.getKeyMass(), probs = op.getWindowProbs();
  MaskAttr mask = op.getMask();
  ModelAttr model = findModel(op);
  if (model && mask.getWindow() >= model.getContextLength())
    mask = MaskAttr::get(op.getContext(), mask.getCausal(), /*window=*/0);
  if (mask == op.getMask() && !isUnread(lse) && !isUnread(mass) &&
      !isUnread(probs))
    return rewriter.notifyMatchFailure(op, "all of it is needed");
  auto kept = [&](Value v) {
    return v && !v.use_empty() ? v.getType() : Type();
  };
  auto plain = AttentionOp::create(
      rewriter, op.getLoc(), op.getOutput().getType(), kept(lse), kept(mass),
      kept(probs), op.getQuery(), op.getCache(), op.getLayer(), op.getRows(),
      kept(mass) ? op.getMassSoFar() : Value(),
      kept(probs) ? op.getSlots() : Value(), mask, op.getScaleAttr());
  auto replace = [&](Value from, Value to) {
    if (from && to)
      rewriter.replaceAllUsesWith(from, to);
  };
  replace(op.getOutput(), plain.getOutput());
  replace(lse, plain.getLse());
  replace(mass, plain.getKeyMass());
  replace(probs, plain.getWindowProbs());
  rewriter.eraseOp(op);
  return success();
}

//===----------------------------------------------------------------------===//
// StackOp
//===----------------------------------------------------------------------===//

/// Kinds that no layer is of are not listed.
LogicalResult StackOp::canonicalize(StackOp op, PatternRewriter &rewriter) {
  SmallVector<Attribute> kinds;
  SmallVector<int64_t> numbers(op.getKinds().size(), -1), kindOf;
  for (int64_t kind : op.getKindOf()) {
    if (numbers[kind] < 0) {
      // The same function may be listed twice.
      auto *found = llvm::find(kinds, op.getKinds()[kind]);
      numbers[kind] = found - kinds.begin();
      if (found == kinds.end())
        kinds.push_back(op.getKinds()[kind]);
    }
    kindOf.push_back(numbers[kind]);
  }
  if (kinds.size() == op.getKinds().size())
    return rewriter.notifyMatchFailure(op, "every kind has a layer");
  rewriter.modifyOpInPlace(op, [&] {
    op.setKindsAttr(rewriter.getArrayAttr(kinds));
    op.setKindOf(kindOf);
  });
  return success();
}
