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
// `out` is what vectorizes. The sums of a row have memory of their own, which
// nothing else can alias, so that they stay in registers.
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

    Value bias;
    if (op.getBiasAttr())
      bias = module.getWeight(b, rewriter, op, op.getBiasAttr(), op.getLayer())
                 .readVector(b);

    int64_t outputs = weight.type.getDimSize(0);
    int64_t panel = std::min(outputs, kPanel);
    Value output = b.empty({ShapedType::kDynamic, outputs}, b.getF32Type(),
                           b.dim(input, 0).value);
    output = b.forLoop(b.index(0), b.index(outputs), panel, output,
                       [&](Emitter &b, Term begin, ValueRange carried) {
                         // The last panel overlaps the one before.
                         Term first = minimum(begin, b.index(outputs - panel));
                         Value transposed = readPanel(b, weight, first, panel);
                         return SmallVector<Value>{runPanel(
                             b, input, transposed, bias, first, carried[0])};
                       })
                 .front();
    auto type = cast<RankedTensorType>(op.getOutput().getType());
    rewriter.replaceOp(op, b.splitRows(output, type.getShape().drop_front()));
    return success();
  }

private:
  /// The weights `[inputs, panel]` of the outputs from `first` on.
  static Value readPanel(Emitter &b, const WeightPlace &weight, Term first,
                         int64_t panel) {
    Value rows = weight.readRows(b, first, panel);
    Value transposed =
        b.empty({weight.type.getDimSize(1), panel}, b.getF32Type());
    return linalg::TransposeOp::create(b, rows, transposed,
                                       ArrayRef<int64_t>{1, 0})
        .getResult()[0];
  }

  /// `output` with the columns from `first` on computed.
  static Value runPanel(Emitter &b, Value input, Value transposed, Value bias,
                        Term first, Value output) {
    auto panelType = cast<RankedTensorType>(transposed.getType());
    int64_t inputs = panelType.getDimSize(0), panel = panelType.getDimSize(1);
    Type f32 = b.getF32Type();
    auto sumsType = RankedTensorType::get(panel, f32);
    OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
    OpFoldResult all = b.getIndexAttr(inputs), width = b.getIndexAttr(panel);

    auto runRow = [&](Emitter &b, Term row, ValueRange carried) {
      Value x = b.slice(RankedTensorType::get(inputs, f32), input,
                        {row.value, zero}, {one, all});
      Value sums = b.fill(b.empty(sumsType.getShape(), f32), b.f32(0));
      sums = b.generic({{x, {0}}, {transposed, {0, 1}}}, {sums, {1}},
                       [](Emitter &, ArrayRef<Term> values) {
                         return fma(values[0], values[1], values[2]);
                       });
      Value part =
          b.slice(sumsType, carried[0], {row.value, first.value}, {one, width});
      SmallVector<Operand> inputs = {{sums, {0}}};
      if (bias)
        inputs.push_back(
            {b.slice(sumsType, bias, {first.value}, {width}), {0}});
      part =
          b.generic(inputs, {part, {0}}, [&](Emitter &, ArrayRef<Term> values) {
            return bias ? values[0] + values[1] : values[0];
          });
      return SmallVector<Value>{
          b.insert(part, carried[0], {row.value, first.value}, {one, width})};
    };
    return b.forLoop(b.index(0), b.dim(input, 0), 1, output, runRow).front();
  }
};

} // namespace

void reference::populateLinearPatterns(const PartsConverter &converter,
                                       const ModuleContext &module,
                                       RewritePatternSet &patterns) {
  patterns.add<DecomposeLinear>(converter, patterns.getContext(), module);
}
