//===- DecomposeRows.cpp - What happens to each row alone -----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// embed, norm, gated, take.
//
//===----------------------------------------------------------------------===//

#include "Decompose.h"
#include "Dequantize.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::reference;

/// An uninitialized tensor of the type and the rows of `tensor`.
static Value emptyLike(Emitter &b, Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<Value> sizes;
  for (int64_t i = 0; i < type.getRank(); ++i)
    if (type.isDynamicDim(i))
      sizes.push_back(b.dim(tensor, i));
  return b.empty(type.getShape(), type.getElementType(), sizes);
}

/// The loops 0, 1, ... of a tensor.
static SmallVector<unsigned> allLoops(Value tensor) {
  return llvm::to_vector(llvm::seq<unsigned>(
      0, cast<RankedTensorType>(tensor.getType()).getRank()));
}

namespace {

//===----------------------------------------------------------------------===//
// embed: output[t, :] = dequantize(weight[ids[t], :]) * scale
//===----------------------------------------------------------------------===//

struct DecomposeEmbed : DecomposePattern<tok::EmbedOp> {
  using DecomposePattern::DecomposePattern;

  LogicalResult
  matchAndRewrite(tok::EmbedOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter b(op.getLoc(), rewriter);
    WeightPlace weight =
        module.getWeight(b, rewriter, op, op.getWeightAttr(), nullptr);
    Value ids = adaptor.getIds();
    int64_t vocabulary = weight.type.getDimSize(0);
    int64_t columns = weight.type.getDimSize(1);
    Type format = weight.type.getElementType();
    int64_t rowBytes =
        columns / tok::getBlock(format) * tok::getBlockBytes(format);

    Value output = dequantizeRows(
        b, format, weight.bytes, getAsOpFoldResult(b.dim(ids, 0).value),
        columns, [&](Emitter &b, Term row) {
          Term id = toIndex(b.extract(ids, row.value));
          // The id of a row that enters above layer 0 is not defined; its
          // embedding is not used, but must be read from inside the weight.
          Term known = minimum(id, b.index(vocabulary - 1));
          return weight.offset + known * rowBytes;
        });
    if (op.getScale().convertToFloat() != 1.0f) {
      output = b.generic(
          {}, {output, {0, 1}}, [&](Emitter &b, ArrayRef<Term> values) {
            return values[0] * b.f32(op.getScale().convertToFloat());
          });
    }
    rewriter.replaceOp(op, output);
    return success();
  }
};

//===----------------------------------------------------------------------===//
// norm: (x - mean) / sqrt(mean of squares + eps) * weight + bias
//===----------------------------------------------------------------------===//

struct DecomposeNorm : DecomposePattern<tok::NormOp> {
  using DecomposePattern::DecomposePattern;

  LogicalResult
  matchAndRewrite(tok::NormOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter b(op.getLoc(), rewriter);
    Value input = adaptor.getInput();
    SmallVector<unsigned> all = allLoops(input);
    SmallVector<unsigned> outer(ArrayRef(all).drop_back());
    SmallVector<unsigned> last = {all.back()};

    if (op.getKind() == tok::NormKind::Layer) {
      Value mean = meanOfRow(b, input, all, outer, [](Term x) { return x; });
      input =
          b.generic({{input, all}, {mean, outer}}, {emptyLike(b, input), all},
                    [&](Emitter &b, ArrayRef<Term> values) {
                      return values[0] - resizeFloat(values[1], b.getF32Type());
                    });
    }
    Value square =
        meanOfRow(b, input, all, outer, [](Term x) { return x * x; });
    SmallVector<Operand> operands = {
        {input, all},
        {square, outer},
        {readVector(b, rewriter, op, op.getWeightAttr()), last}};
    if (op.getBiasAttr())
      operands.push_back({readVector(b, rewriter, op, op.getBiasAttr()), last});
    Value output =
        b.generic(operands, {emptyLike(b, input), all},
                  [&](Emitter &b, ArrayRef<Term> values) {
                    Term sum = resizeFloat(values[1], b.getF32Type()) +
                               b.f32(op.getEps().convertToFloat());
                    Term root = b.term(math::SqrtOp::create(b, sum.value));
                    Term scaled = values[0] / root * values[2];
                    return op.getBiasAttr() ? scaled + values[3] : scaled;
                  });
    rewriter.replaceOp(op, output);
    return success();
  }

private:
  /// The mean of `f` of the values of each row, summed in f64 in ascending
  /// order.
  static Value meanOfRow(Emitter &b, Value input, ArrayRef<unsigned> all,
                         ArrayRef<unsigned> outer,
                         llvm::function_ref<Term(Term)> f) {
    auto type = cast<RankedTensorType>(input.getType());
    Type f64 = b.getF64Type();
    Value sum =
        b.empty(type.getShape().drop_back(), f64, b.dim(input, 0).value);
    sum = b.fill(sum, b.real(f64, 0));
    sum = b.generic({{input, SmallVector<unsigned>(all)}},
                    {sum, SmallVector<unsigned>(outer)},
                    [&](Emitter &b, ArrayRef<Term> values) {
                      return values[1] + f(resizeFloat(values[0], f64));
                    });
    return b.generic({}, {sum, SmallVector<unsigned>(outer)},
                     [&](Emitter &b, ArrayRef<Term> values) {
                       return values[0] / type.getShape().back();
                     });
  }

  Value readVector(Emitter &b, ConversionPatternRewriter &rewriter,
                   tok::NormOp op, FlatSymbolRefAttr symbol) const {
    return module.getWeight(b, rewriter, op, symbol, op.getLayer())
        .readVector(b);
  }
};

//===----------------------------------------------------------------------===//
// gated: activation(gate) * up
//===----------------------------------------------------------------------===//

/// x / (1 + exp(-x)).
Term silu(Emitter &b, Term x) {
  Term negated = b.term(arith::NegFOp::create(b, x.value));
  Term exponential = b.term(math::ExpOp::create(b, negated.value));
  return x / (exponential + 1);
}

/// 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
Term geluTanh(Emitter &b, Term x) {
  Term cubic = x + x * x * x * b.f32(0.044715);
  Term inner = cubic * b.f32(0.79788456080286535588);
  Term tanh = b.term(math::TanhOp::create(b, inner.value));
  return x * b.f32(0.5) * (tanh + 1);
}

struct DecomposeGated : DecomposePattern<tok::GatedOp> {
  using DecomposePattern::DecomposePattern;

  LogicalResult
  matchAndRewrite(tok::GatedOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter b(op.getLoc(), rewriter);
    b.requireSameRows(adaptor.getGate(), adaptor.getUp(),
                      "tok.gated: the gate has not the rows of the up");
    Value output =
        b.generic({{adaptor.getGate(), {0, 1}}, {adaptor.getUp(), {0, 1}}},
                  {emptyLike(b, adaptor.getGate()), {0, 1}},
                  [&](Emitter &b, ArrayRef<Term> values) {
                    Term gate = op.getActivation() == tok::Activation::Silu
                                    ? silu(b, values[0])
                                    : geluTanh(b, values[0]);
                    return gate * values[1];
                  });
    rewriter.replaceOp(op, output);
    return success();
  }
};

//===----------------------------------------------------------------------===//
// take: output[o, :] = input[indices[o], :]
//===----------------------------------------------------------------------===//

struct DecomposeTake : DecomposePattern<tok::TakeOp> {
  using DecomposePattern::DecomposePattern;

  LogicalResult
  matchAndRewrite(tok::TakeOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter b(op.getLoc(), rewriter);
    Value indices = adaptor.getIndices().front();
    SmallVector<SmallVector<Value>> results;
    results.push_back({gather(b, adaptor.getInput().front(), indices)});
    SmallVector<Value> columns;
    if (op.getRows())
      for (Value column : adaptor.getRows())
        columns.push_back(gather(b, column, indices));
    results.push_back(columns);
    rewriter.replaceOpWithMultiple(op, std::move(results));
    return success();
  }

private:
  static Value gather(Emitter &b, Value input, Value indices) {
    auto type = cast<RankedTensorType>(input.getType());
    SmallVector<int64_t> shape(type.getShape());
    shape.front() = ShapedType::kDynamic;
    Value output =
        b.empty(shape, type.getElementType(), b.dim(indices, 0).value);
    return b.generic({{indices, {0}}}, {output, allLoops(output)},
                     [&](Emitter &b, ArrayRef<Term> values) {
                       SmallVector<Value> place = {toIndex(values[0])};
                       if (type.getRank() == 2)
                         place.push_back(b.loop(1));
                       return b.extract(input, place);
                     });
  }
};

} // namespace

void reference::populateRowPatterns(const PartsConverter &converter,
                                    const ModuleContext &module,
                                    RewritePatternSet &patterns) {
  patterns.add<DecomposeEmbed, DecomposeNorm, DecomposeGated, DecomposeTake>(
      converter, patterns.getContext(), module);
}
