//===- DecomposeWeights.cpp - What weights are computed by ----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// dequantize, quantize, scale_columns on values. A value in a tok format is a
// tensor of its bytes here (`PartsConverter`). Vectors are matrices of one row
// on the way.
//
//===----------------------------------------------------------------------===//

#include "Decompose.h"
#include "Dequantize.h"
#include "Quantize.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::reference;

/// `[N]` as `[1, N]`; a matrix as it is.
static Value toMatrix(Emitter &b, Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (type.getRank() == 2)
    return tensor;
  return tensor::ExpandShapeOp::create(
      b, RankedTensorType::get({1, type.getDimSize(0)}, type.getElementType()),
      tensor, ArrayRef<ReassociationIndices>{{0, 1}});
}

/// A matrix of one row as the vector that stood for; else as it is.
static Value toRank(Emitter &b, Value matrix, int64_t rank) {
  if (rank == 2)
    return matrix;
  return tensor::CollapseShapeOp::create(
      b, matrix, ArrayRef<ReassociationIndices>{{0, 1}});
}

/// `tensor` with elements of `element`, each of them computed by `body`.
static Value mapValues(Emitter &b, Value tensor, Type element,
                       llvm::function_ref<Term(Term)> body) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<Value> sizes;
  if (type.isDynamicDim(0))
    sizes.push_back(b.dim(tensor, 0));
  SmallVector<unsigned> loops =
      llvm::to_vector(llvm::seq<unsigned>(0, type.getRank()));
  return b.generic(
      {{tensor, loops}}, {b.empty(type.getShape(), element, sizes), loops},
      [&](Emitter &, ArrayRef<Term> values) { return body(values[0]); });
}

namespace {

struct DecomposeDequantize : DecomposePattern<tok::DequantizeOp> {
  using DecomposePattern::DecomposePattern;

  LogicalResult
  matchAndRewrite(tok::DequantizeOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter b(op.getLoc(), rewriter);
    RankedTensorType type = op.getInput().getType();
    Type element = type.getElementType();
    if (!isa<tok::FormatInterface>(element)) {
      rewriter.replaceOp(
          op, mapValues(b, adaptor.getInput(), b.getF32Type(), [&](Term value) {
            return resizeFloat(value, b.getF32Type());
          }));
      return success();
    }
    Value matrix = toMatrix(b, adaptor.getInput());
    int64_t rowBytes = cast<RankedTensorType>(matrix.getType()).getDimSize(1);
    Value bytes = tensor::CollapseShapeOp::create(
        b, matrix, ArrayRef<ReassociationIndices>{{0, 1}});
    Value output = dequantizeRows(
        b, element, bytes, getAsOpFoldResult(b.dim(matrix, 0).value),
        type.getShape().back(),
        [&](Emitter &, Term row) { return row * rowBytes; });
    rewriter.replaceOp(op, toRank(b, output, type.getRank()));
    return success();
  }
};

struct DecomposeQuantize : DecomposePattern<tok::QuantizeOp> {
  using DecomposePattern::DecomposePattern;

  LogicalResult
  matchAndRewrite(tok::QuantizeOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter b(op.getLoc(), rewriter);
    RankedTensorType type = op.getOutput().getType();
    Type element = type.getElementType();
    if (!isa<tok::FormatInterface>(element)) {
      rewriter.replaceOp(
          op, mapValues(b, adaptor.getInput(), element, [&](Term value) {
            // A bf16 may be as small as an f32, which machines flush.
            return resizeFloat(element.isBF16() ? settle(value) : value,
                               element);
          }));
      return success();
    }
    Value bytes = quantizeRows(b, element, toMatrix(b, adaptor.getInput()));
    rewriter.replaceOp(op, toRank(b, bytes, type.getRank()));
    return success();
  }
};

struct DecomposeScaleColumns : DecomposePattern<tok::ScaleColumnsOp> {
  using DecomposePattern::DecomposePattern;

  LogicalResult
  matchAndRewrite(tok::ScaleColumnsOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter b(op.getLoc(), rewriter);
    RankedTensorType type = op.getInput().getType();
    SmallVector<Value> sizes;
    if (type.isDynamicDim(0))
      sizes.push_back(b.dim(adaptor.getInput(), 0));
    Value output = b.empty(type.getShape(), b.getF32Type(), sizes);
    output =
        b.generic({{adaptor.getInput(), {0, 1}}, {adaptor.getScale(), {1}}},
                  {output, {0, 1}}, [](Emitter &, ArrayRef<Term> values) {
                    return settle(settle(values[0]) * settle(values[1]));
                  });
    rewriter.replaceOp(op, output);
    return success();
  }
};

} // namespace

void reference::populateWeightPatterns(const PartsConverter &converter,
                                       const ModuleContext &module,
                                       RewritePatternSet &patterns) {
  patterns.add<DecomposeDequantize, DecomposeQuantize, DecomposeScaleColumns>(
      converter, patterns.getContext(), module);
}
