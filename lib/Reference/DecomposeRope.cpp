//===- DecomposeRope.cpp - Rotary positions -------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Decompose.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>

using namespace mlir;
using namespace tokopt;
using namespace tokopt::reference;

static constexpr double kTwoPi = 6.283185307179586476925;

/// The angle of each row and pair `[T, dims / 2]`, in [-pi, pi]. Computed and
/// reduced in f64: at position 100,000 an f32 angle would be off by 0.004.
static Value makeAngles(Emitter &b, Value positions, double base,
                        int64_t dims) {
  Type f64 = b.getF64Type();
  SmallVector<double> rates;
  for (int64_t i = 0; i < dims / 2; ++i)
    rates.push_back(std::pow(base, -2.0 * i / dims));
  Value rate = arith::ConstantOp::create(
      b, DenseElementsAttr::get(RankedTensorType::get(dims / 2, f64),
                                ArrayRef(rates)));
  Value angles = b.empty({ShapedType::kDynamic, dims / 2}, b.getF32Type(),
                         b.dim(positions, 0).value);
  return b.generic({{positions, {0}}, {rate, {1}}}, {angles, {0, 1}},
                   [&](Emitter &b, ArrayRef<Term> values) {
                     Term angle = toFloat(values[0], f64) * values[1];
                     Term turns = angle * b.real(f64, 1 / kTwoPi);
                     turns = b.term(math::RoundEvenOp::create(b, turns.value));
                     Term reduced = angle - turns * b.real(f64, kTwoPi);
                     return resizeFloat(reduced, b.getF32Type());
                   });
}

template <typename MathOp>
static Value apply(Emitter &b, Value angles) {
  int64_t pairs = cast<RankedTensorType>(angles.getType()).getDimSize(1);
  Value output = b.empty({ShapedType::kDynamic, pairs}, b.getF32Type(),
                         b.dim(angles, 0).value);
  return b.generic({{angles, {0, 1}}}, {output, {0, 1}},
                   [](Emitter &b, ArrayRef<Term> values) {
                     return b.term(MathOp::create(b, values[0].value));
                   });
}

namespace {

struct DecomposeRope : DecomposePattern<tok::RopeOp> {
  using DecomposePattern::DecomposePattern;

  LogicalResult
  matchAndRewrite(tok::RopeOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter b(op.getLoc(), rewriter);
    Value input = adaptor.getInput().front(); // [T, H, D]
    Value positions =
        getColumn(op.getRows().getType(), adaptor.getRows(), "pos");
    b.requireSameRows(input, positions,
                      "tok.rope: the input has not the rows of the columns");
    int64_t dims = op.getDims(), pairs = dims / 2;
    int64_t heads = op.getInput().getType().getDimSize(1);
    Value angles =
        makeAngles(b, positions, op.getBase().convertToDouble(), dims);
    Value cosines = apply<math::CosOp>(b, angles);
    Value sines = apply<math::SinOp>(b, angles);

    // The first and the second members of all pairs are two slices of a head.
    bool adjacent = op.getPairs() == tok::RopePairs::Adjacent;
    OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
    OpFoldResult rows = getAsOpFoldResult(b.dim(input, 0).value);
    SmallVector<OpFoldResult> sizes = {rows, b.getIndexAttr(heads),
                                       b.getIndexAttr(pairs)};
    SmallVector<OpFoldResult> strides = {one, one,
                                         b.getIndexAttr(adjacent ? 2 : 1)};
    SmallVector<OpFoldResult> firstAt = {zero, zero, zero};
    SmallVector<OpFoldResult> secondAt = {zero, zero,
                                          b.getIndexAttr(adjacent ? 1 : pairs)};
    Value first =
        tensor::ExtractSliceOp::create(b, input, firstAt, sizes, strides);
    Value second =
        tensor::ExtractSliceOp::create(b, input, secondAt, sizes, strides);

    auto combine = [&](llvm::function_ref<Term(ArrayRef<Term>)> formula) {
      Value part = b.empty({ShapedType::kDynamic, heads, pairs}, b.getF32Type(),
                           b.dim(input, 0).value);
      return b.generic(
          {{first, {0, 1, 2}},
           {second, {0, 1, 2}},
           {cosines, {0, 2}},
           {sines, {0, 2}}},
          {part, {0, 1, 2}},
          [&](Emitter &, ArrayRef<Term> values) { return formula(values); });
    };
    Value newFirst = combine([](ArrayRef<Term> values) {
      return values[0] * values[2] - values[1] * values[3];
    });
    Value newSecond = combine([](ArrayRef<Term> values) {
      return values[0] * values[3] + values[1] * values[2];
    });
    // Elements from `dims` on stay as they are.
    Value output = tensor::InsertSliceOp::create(b, newFirst, input, firstAt,
                                                 sizes, strides);
    output = tensor::InsertSliceOp::create(b, newSecond, output, secondAt,
                                           sizes, strides);
    rewriter.replaceOp(op, output);
    return success();
  }
};

} // namespace

void reference::populateRopePatterns(const PartsConverter &converter,
                                     const ModuleContext &module,
                                     RewritePatternSet &patterns) {
  patterns.add<DecomposeRope>(converter, patterns.getContext(), module);
}
