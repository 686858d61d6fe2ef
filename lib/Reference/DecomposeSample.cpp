//===- DecomposeSample.cpp - From logits to a token -----------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Nothing is sorted. "Among the k largest" and "the smallest set of mass p" are
// both "not below a threshold", and a threshold among 32-bit keys is found bit
// by bit, from the highest down.
//
//===----------------------------------------------------------------------===//

#include "Decompose.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::reference;

/// The id of the largest logit, the lowest among equals, and that logit.
static std::pair<Term, Term> findLargest(Emitter &b, Value logits) {
  Value first = b.extract(logits, b.index(0).value);
  Value none = b.integer(b.getI32Type(), 0);
  ValueRange found = b.forLoop(
      b.index(1), b.dim(logits, 0), 1, {none, first},
      [&](Emitter &b, Term id, ValueRange carried) {
        Term logit = b.extract(logits, id.value);
        Term larger = logit > b.term(carried[1]);
        Term id32 =
            b.term(arith::IndexCastUIOp::create(b, b.getI32Type(), id.value));
        return SmallVector<Value>{select(larger, id32, b.term(carried[0])),
                                  select(larger, logit, b.term(carried[1]))};
      });
  return {b.term(found[0]), b.term(found[1])};
}

/// `uniform` in [0, 1) from a seed and a counter: the finalizer of SplitMix64,
/// whose 24 high bits are the fraction.
static Term draw(Emitter &b, Term seed, Term counter) {
  Type i64 = b.getI64Type();
  auto constant = [&](uint64_t value) {
    return b.integer(i64, static_cast<int64_t>(value));
  };
  Term z = seed + (counter + 1) * constant(0x9E3779B97F4A7C15);
  z = (z ^ z >> 30) * constant(0xBF58476D1CE4E5B9);
  z = (z ^ z >> 27) * constant(0x94D049BB133111EB);
  z = z ^ z >> 31;
  return toFloat(z >> 40, b.getF64Type()) * b.real(b.getF64Type(), 0x1p-24);
}

namespace {

/// Draws from one row of logits with a temperature above zero.
struct Sampler {
  Emitter &b;
  Value logits; // [V]
  int64_t size;
  /// Unsigned integers that order as the logits do, and exp((l - max) / t).
  Value keys, weights;

  Sampler(Emitter &b, Value logits, Term largest, Term temperature)
      : b(b), logits(logits),
        size(cast<RankedTensorType>(logits.getType()).getDimSize(0)) {
    Type i32 = b.getI32Type();
    keys = b.generic(
        {{logits, {0}}}, {b.empty({size}, i32), {0}},
        [&](Emitter &b, ArrayRef<Term> values) {
          // Plus zero makes equal what compares equal.
          Term logit = values[0] + b.f32(0);
          Term bits = b.term(arith::BitcastOp::create(b, i32, logit.value));
          Term sign =
              b.term(arith::ShRSIOp::create(b, bits, b.integer(i32, 31).value));
          return bits ^ (sign | b.integer(i32, INT32_MIN));
        });
    weights = b.generic({{logits, {0}}}, {b.empty({size}, b.getF32Type()), {0}},
                        [&](Emitter &b, ArrayRef<Term> values) {
                          Term scaled = (values[0] - largest) / temperature;
                          return b.term(math::ExpOp::create(b, scaled.value));
                        });
  }

  /// The sum in ascending order of id of `amount(key, weight)`, in f64.
  using Amount = llvm::function_ref<Term(Emitter &, Term, Term)>;
  Term sum(Emitter &b, Amount amount) const {
    Type f64 = b.getF64Type();
    Value total = b.fill(b.empty({}, f64), b.real(f64, 0));
    total = b.generic({{keys, {0}}, {weights, {0}}}, {total, {}},
                      [&](Emitter &b, ArrayRef<Term> values) {
                        return values[2] + amount(b, values[0], values[1]);
                      });
    return b.extract(total, {});
  }

  /// The largest key for which the amounts of all keys not below it reach
  /// `goal`; 0 if none does.
  Term findThreshold(Term goal, Amount amount) const {
    Type i32 = b.getI32Type();
    Value none = b.integer(i32, 0);
    Value threshold =
        b.forLoop(b.index(0), b.index(32), 1, none,
                  [&](Emitter &b, Term step, ValueRange carried) {
                    Term shift = b.term(
                        arith::IndexCastUIOp::create(b, i32, step.value));
                    Term bit = b.integer(i32, INT32_MIN) >> shift;
                    Term next = b.term(carried[0]) | bit;
                    Term reached =
                        sum(b, [&](Emitter &b, Term key, Term weight) {
                          return select(key >= next, amount(b, key, weight),
                                        b.real(b.getF64Type(), 0));
                        });
                    return SmallVector<Value>{
                        select(reached >= goal, next, b.term(carried[0]))};
                  })
            .front();
    return b.term(threshold);
  }

  /// The token; `fallback` if no weight is a number.
  Term run(Term topK, Term topP, Term minP, Term uniform, Term fallback) const {
    Type f64 = b.getF64Type();
    Term none = b.integer(b.getI32Type(), 0);
    Term zero = b.real(f64, 0), one = b.real(f64, 1);
    Term kThreshold = findThreshold(resizeFloat(topK, f64),
                                    [&](Emitter &, Term, Term) { return one; });
    kThreshold = select(topK >= b.f32(1), kThreshold, none);
    // The largest weight is 1, so min_p is relative to it.
    auto massAbove = [&](Term threshold) {
      return [=](Emitter &b, Term key, Term weight) {
        Term candidate = (key >= threshold) & (weight >= minP);
        return select(candidate, resizeFloat(weight, b.getF64Type()), zero);
      };
    };
    Term left = sum(b, massAbove(kThreshold));
    Term pThreshold =
        findThreshold(resizeFloat(topP, f64) * left, massAbove(kThreshold));
    pThreshold = select(topP < b.f32(1), pThreshold, none);
    auto mass = massAbove(maximum(kThreshold, pThreshold));

    Term goal = sum(b, mass) * uniform;
    Value unchosen = b.integer(b.getI32Type(), -1), start = zero;
    ValueRange found = b.forLoop(
        b.index(0), b.index(size), 1, {unchosen, start},
        [&](Emitter &b, Term id, ValueRange carried) {
          Term chosen = b.term(carried[0]);
          Term running =
              b.term(carried[1]) +
              mass(b, b.extract(keys, id.value), b.extract(weights, id.value));
          Term open = chosen == b.integer(b.getI32Type(), -1);
          Term id32 =
              b.term(arith::IndexCastUIOp::create(b, b.getI32Type(), id.value));
          return SmallVector<Value>{
              select(open & (running > goal), id32, chosen), running};
        });
    Term chosen = b.term(found[0]);
    return select(chosen == b.integer(b.getI32Type(), -1), fallback, chosen);
  }
};

struct DecomposeSample : DecomposePattern<tok::SampleOp> {
  using DecomposePattern::DecomposePattern;

  LogicalResult
  matchAndRewrite(tok::SampleOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter b(op.getLoc(), rewriter);
    Value logits = adaptor.getLogits();
    int64_t size = cast<RankedTensorType>(logits.getType()).getDimSize(1);
    for (Value other : {adaptor.getParams(), adaptor.getSeeds()})
      b.requireSameRows(logits, other,
                        "tok.sample: the params or the seeds have not the rows "
                        "of the logits");
    Term rows = b.dim(logits, 0);
    Value tokens = b.empty({ShapedType::kDynamic}, b.getI32Type(), rows.value);
    tokens = b.forLoop(b.index(0), rows, 1, tokens,
                       [&](Emitter &b, Term o, ValueRange carried) {
                         OpFoldResult zero = b.getIndexAttr(0);
                         Value row = b.slice(
                             RankedTensorType::get(size, b.getF32Type()),
                             logits, {o.value, zero},
                             {b.getIndexAttr(1), b.getIndexAttr(size)});
                         Value token = sampleRow(b, row, adaptor, o);
                         return SmallVector<Value>{tensor::InsertOp::create(
                             b, token, carried[0], o.value)};
                       })
                 .front();
    rewriter.replaceOp(op, tokens);
    return success();
  }

private:
  static Term sampleRow(Emitter &b, Value logits, OpAdaptor adaptor, Term o) {
    auto parameter = [&](Emitter &b, int64_t column) {
      return b.extract(adaptor.getParams(), {o.value, b.index(column).value});
    };
    auto seed = [&](Emitter &b, int64_t column) {
      return b.extract(adaptor.getSeeds(), {o.value, b.index(column).value});
    };
    auto [greedy, largest] = findLargest(b, logits);
    Term best = greedy, most = largest;
    Term temperature = parameter(b, 0);
    return b.term(b.ifElse(
                       temperature > b.f32(0),
                       [&](Emitter &b) {
                         Sampler sampler(b, logits, most, temperature);
                         // A larger min_p would leave nothing.
                         Term minP = minimum(parameter(b, 3), b.f32(1));
                         Term token =
                             sampler.run(parameter(b, 1), parameter(b, 2), minP,
                                         draw(b, seed(b, 0), seed(b, 1)), best);
                         return SmallVector<Value>{token};
                       },
                       [&](Emitter &) { return SmallVector<Value>{best}; })
                      .front());
  }
};

} // namespace

void reference::populateSamplePatterns(const PartsConverter &converter,
                                       const ModuleContext &module,
                                       RewritePatternSet &patterns) {
  patterns.add<DecomposeSample>(converter, patterns.getContext(), module);
}
