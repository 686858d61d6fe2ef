//===- DecomposeLinear.cpp - x times the transpose of a weight ------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Outputs are taken in panels. For each, the rows of the weight are dequantized
// and transposed, then every row of the input runs over the panel as
// (row, k, out): the sum over k is taken in order with one rounding a step, and
// `out` is what vectorizes.
//
//===----------------------------------------------------------------------===//

#include "Decompose.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::reference;

/// Outputs of a panel. A panel of the usual 500 to 9,000 inputs stays in the
/// second-level cache, its sums in registers.
static constexpr int64_t kPanel = 64;

/// `input` as the op reads it with `compute`: in each block, bytes times a
/// scale.
static Value roundInput(Emitter &b, Value input, tok::ComputeAttr compute) {
  int64_t columns = cast<RankedTensorType>(input.getType()).getDimSize(1);
  int64_t block = compute.getBlock(), blocks = columns / block;
  Value split = b.splitRows(input, {blocks, block});
  Value output = b.empty({ShapedType::kDynamic, columns}, b.getF32Type(),
                         b.dim(input, 0).value);
  output = b.splitRows(output, {blocks, block});
  output =
      b.generic({{split, {0, 1, 2}}, {largestMagnitudes(b, split), {0, 1}}},
                {output, {0, 1, 2}}, [](Emitter &, ArrayRef<Term> values) {
                  RoundedByte rounded = roundToByte(values[0], values[1]);
                  return rounded.scale * rounded.byte;
                });
  return b.flattenRows(output);
}

namespace {

struct DecomposeLinear : DecomposePattern<tok::LinearOp> {
  using DecomposePattern::DecomposePattern;

  LogicalResult
  matchAndRewrite(tok::LinearOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter b(op.getLoc(), rewriter);
    WeightPlace weight =
        module.getWeight(b, rewriter, op, op.getWeightAttr(), op.getLayer());
    Value input = b.flattenRows(adaptor.getInput());
    if (op.getCompute())
      input = roundInput(b, input, *op.getCompute());

    int64_t outputs = weight.type.getDimSize(0);
    int64_t panel = std::min(outputs, kPanel);
    Value output = b.empty({ShapedType::kDynamic, outputs}, b.getF32Type(),
                           b.dim(input, 0).value);
    output = b.forLoop(b.index(0), b.index(outputs), panel, output,
                       [&](Emitter &b, Term begin, ValueRange carried) {
                         // The last panel overlaps the one before.
                         Term first = minimum(begin, b.index(outputs - panel));
                         return SmallVector<Value>{runPanel(
                             b, weight, input, carried[0], first, panel)};
                       })
                 .front();
    if (op.getBiasAttr()) {
      Value bias =
          module.getWeight(b, rewriter, op, op.getBiasAttr(), op.getLayer())
              .readVector(b);
      output = b.generic({{bias, {1}}}, {output, {0, 1}},
                         [](Emitter &b, ArrayRef<Term> values) {
                           return values[1] + values[0];
                         });
    }
    auto type = cast<RankedTensorType>(op.getOutput().getType());
    rewriter.replaceOp(op, b.splitRows(output, type.getShape().drop_front()));
    return success();
  }

private:
  /// `output` with the columns from `first` on computed.
  static Value runPanel(Emitter &b, const WeightPlace &weight, Value input,
                        Value output, Term first, int64_t panel) {
    int64_t inputs = weight.type.getDimSize(1);
    Type f32 = b.getF32Type();
    Value rows = weight.readRows(b, first, panel); // [panel, inputs]
    Value transposed = b.empty({inputs, panel}, f32);
    transposed = linalg::TransposeOp::create(b, rows, transposed,
                                             ArrayRef<int64_t>{1, 0})
                     .getResult()[0]; // [inputs, panel]

    SmallVector<OpFoldResult> offsets = {b.getIndexAttr(0), first.value};
    SmallVector<OpFoldResult> sizes = {getAsOpFoldResult(b.dim(input, 0).value),
                                       b.getIndexAttr(panel)};
    auto type = RankedTensorType::get({ShapedType::kDynamic, panel}, f32);
    Value part = b.slice(type, output, offsets, sizes);
    part = b.generic({{input, {0, 1}}, {transposed, {1, 2}}},
                     {b.fill(part, b.f32(0)), {0, 2}},
                     [](Emitter &, ArrayRef<Term> values) {
                       return fma(values[0], values[1], values[2]);
                     });
    return b.insert(part, output, offsets, sizes);
  }
};

} // namespace

void reference::populateLinearPatterns(const PartsConverter &converter,
                                       const ModuleContext &module,
                                       RewritePatternSet &patterns) {
  patterns.add<DecomposeLinear>(converter, patterns.getContext(), module);
}
