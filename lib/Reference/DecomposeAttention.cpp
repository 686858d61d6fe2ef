//===- DecomposeAttention.cpp - Attention over the cache ------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two passes over the pages that a row sees, for each row and head: the largest
// score, then the sum of exponentials and of weighted values. Scores are
// computed in both passes, so that no memory grows with the context.
//
//===----------------------------------------------------------------------===//

#include "CacheLayout.h"
#include "Decompose.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <limits>

using namespace mlir;
using namespace tokopt;
using namespace tokopt::reference;

/// An element of the cache as f32.
static Term widen(Emitter &b, Term element, Term *scale) {
  if (!scale)
    return resizeFloat(element, b.getF32Type());
  return toSignedFloat(element, b.getF32Type()) * *scale;
}

namespace {

/// Attention of one query head of one row.
struct HeadReader {
  tok::CacheType type;
  const CacheParts &parts;
  float scale;
  Value query; // [D]
  Term layer, head, sequence;
  /// Positions that the row sees: [first, end).
  Term first, end;

  /// A page's part of a plane that belongs to the layer and the head.
  Value slicePlane(Emitter &b, Value plane, Term page,
                   ArrayRef<int64_t> shape) const {
    OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
    SmallVector<OpFoldResult> offsets = {page.value, layer.value, head.value};
    SmallVector<OpFoldResult> sizes = {one, one, one};
    for (int64_t size : shape) {
      offsets.push_back(zero);
      sizes.push_back(b.getIndexAttr(size));
    }
    Type element = cast<RankedTensorType>(plane.getType()).getElementType();
    return b.slice(RankedTensorType::get(shape, element), plane, offsets,
                   sizes);
  }

  Term getPage(Emitter &b, Term entry) const {
    return toIndex(b.extract(parts.table, {sequence.value, entry.value}));
  }

  /// Whether the row sees slot `slot` of its page number `entry`.
  Term sees(Emitter &b, Term entry, Term slot) const {
    Term position = entry * type.getPage() + slot;
    Term seen = position < end;
    return (position >= first) & seen;
  }

  /// The scores of the slots of a page: scale * q . k, and minus infinity
  /// where the row does not see the slot.
  Value score(Emitter &b, Term entry) const {
    int64_t slots = type.getPage();
    Term page = getPage(b, entry);
    SmallVector<Operand> inputs = {
        {query, {0}},
        {slicePlane(b, parts.keys, page, {type.getKSize(), slots}), {0, 1}}};
    if (parts.keyScales)
      inputs.push_back({slicePlane(b, parts.keyScales, page, {slots}), {1}});
    Value scores = b.fill(b.empty({slots}, b.getF32Type()), b.f32(0));
    scores = b.generic(
        inputs, {scores, {1}}, [&](Emitter &b, ArrayRef<Term> values) {
          Term scale = values[2];
          Term key = widen(b, values[1], parts.keyScales ? &scale : nullptr);
          return fma(values[0], key, values.back());
        });
    return b.generic({}, {scores, {0}}, [&](Emitter &b, ArrayRef<Term> values) {
      Term score = values[0] * b.f32(scale);
      return select(sees(b, entry, b.loop(0)), score,
                    b.f32(-std::numeric_limits<float>::infinity()));
    });
  }

  /// The output [D] and the log of the sum of exponentials.
  std::pair<Value, Term> run(Emitter &b) const {
    int64_t slots = type.getPage(), size = type.getVSize();
    Term firstPage = first / slots, endPage = (end + slots - 1) / slots;
    Type f32 = b.getF32Type();
    Value most = b.fill(b.empty({}, f32),
                        b.f32(-std::numeric_limits<float>::infinity()));
    most = b.forLoop(firstPage, endPage, 1, most,
                     [&](Emitter &b, Term entry, ValueRange carried) {
                       Value next =
                           b.generic({{score(b, entry), {0}}}, {carried[0], {}},
                                     [](Emitter &, ArrayRef<Term> values) {
                                       return maximum(values[0], values[1]);
                                     });
                       return SmallVector<Value>{next};
                     })
               .front();

    Value sum = b.fill(b.empty({}, f32), b.f32(0));
    Value weighted = b.fill(b.empty({size}, f32), b.f32(0));
    ValueRange sums = b.forLoop(
        firstPage, endPage, 1, {sum, weighted},
        [&](Emitter &b, Term entry, ValueRange carried) {
          Value weights = b.generic(
              {{most, {}}}, {score(b, entry), {0}},
              [&](Emitter &b, ArrayRef<Term> values) {
                Term difference = values[1] - values[0];
                Term weight = b.term(math::ExpOp::create(b, difference.value));
                return select(sees(b, entry, b.loop(0)), weight, b.f32(0));
              });
          Value sum = b.generic({{weights, {0}}}, {carried[0], {}},
                                [](Emitter &, ArrayRef<Term> values) {
                                  return values[1] + values[0];
                                });
          Term page = getPage(b, entry);
          SmallVector<Operand> inputs = {
              {weights, {0}},
              {slicePlane(b, parts.values, page, {slots, size}), {0, 1}}};
          if (parts.valueScales)
            inputs.push_back(
                {slicePlane(b, parts.valueScales, page, {slots}), {0}});
          Value weighted = b.generic(
              inputs, {carried[1], {1}},
              [&](Emitter &b, ArrayRef<Term> values) {
                Term scale = values[2];
                Term value =
                    widen(b, values[1], parts.valueScales ? &scale : nullptr);
                return fma(values[0], value, values.back());
              });
          return SmallVector<Value>{sum, weighted};
        });
    Value output = b.generic(
        {{sums[0], {}}}, {sums[1], {0}},
        [](Emitter &, ArrayRef<Term> values) { return values[1] / values[0]; });
    Term total = b.extract(sums[0], {});
    Term log = b.term(math::LogOp::create(b, total.value));
    return {output, b.extract(most, {}) + log};
  }
};

struct DecomposeAttention : DecomposePattern<tok::AttentionOp> {
  using DecomposePattern::DecomposePattern;

  LogicalResult
  matchAndRewrite(tok::AttentionOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter b(op.getLoc(), rewriter);
    tok::CacheType type = op.getCache().getType();
    CacheParts parts(type, adaptor.getCache());
    Value query = adaptor.getQuery().front(); // [T, H, D]
    Value positions =
        getColumn(op.getRows().getType(), adaptor.getRows(), "pos");
    Value sequences =
        getColumn(op.getRows().getType(), adaptor.getRows(), "seq");
    b.requireSameRows(
        query, positions,
        "tok.attention: the query has not the rows of the columns");
    int64_t heads = op.getQuery().getType().getDimSize(1);
    int64_t group = heads / type.getHeads();
    Term layer = findLayer(b, type.getLayers(), adaptor.getLayer().front());
    Term rows = b.dim(query, 0);

    SmallVector<Value> outputs = {b.empty(op.getOutput().getType().getShape(),
                                          b.getF32Type(), rows.value)};
    if (op.getLse())
      outputs.push_back(
          b.empty({ShapedType::kDynamic, heads}, b.getF32Type(), rows.value));

    auto runHead = [&](Emitter &b, Term t, Term h, Term sequence, Term first,
                       Term end, ValueRange carried) {
      OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
      OpFoldResult size = b.getIndexAttr(type.getVSize());
      Value q = b.slice(RankedTensorType::get(type.getKSize(), b.getF32Type()),
                        query, {t.value, h.value, zero},
                        {one, one, b.getIndexAttr(type.getKSize())});
      HeadReader head{type,     parts, op.getScale().convertToFloat(),
                      q,        layer, h / group,
                      sequence, first, end};
      auto [output, lse] = head.run(b);
      SmallVector<Value> next = {b.insert(
          output, carried[0], {t.value, h.value, zero}, {one, one, size})};
      if (op.getLse())
        next.push_back(tensor::InsertOp::create(b, lse, carried[1],
                                                ValueRange{t.value, h.value}));
      return next;
    };
    ValueRange results = b.forLoop(
        b.index(0), rows, 1, outputs,
        [&](Emitter &b, Term t, ValueRange carried) {
          Term position = toIndex(b.extract(positions, t.value));
          Term sequence = toIndex(b.extract(sequences, t.value));
          Term end = op.getMask().getCausal()
                         ? position + 1
                         : countRows(b, positions, sequences, sequence);
          Term first = b.index(0);
          if (int64_t window = op.getMask().getWindow()) {
            // max(position + 1 - window, 0) without going below zero.
            Term reached = maximum(position + 1, b.index(window));
            first = reached - window;
          }
          return llvm::to_vector(b.forLoop(
              b.index(0), b.index(heads), 1, carried,
              [&](Emitter &b, Term h, ValueRange carried) {
                return runHead(b, t, h, sequence, first, end, carried);
              }));
        });
    SmallVector<SmallVector<Value>> replacements = {{results[0]}};
    if (op.getLse())
      replacements.push_back({results[1]});
    rewriter.replaceOpWithMultiple(op, std::move(replacements));
    return success();
  }

private:
  /// One more than the last position of `sequence` in this step.
  static Term countRows(Emitter &b, Value positions, Value sequences,
                        Term sequence) {
    Value count =
        b.forLoop(b.index(0), b.dim(positions, 0), 1, b.index(0).value,
                  [&](Emitter &b, Term t, ValueRange carried) {
                    Term other = toIndex(b.extract(sequences, t.value));
                    Term end = toIndex(b.extract(positions, t.value)) + 1;
                    Term most = maximum(end, b.term(carried[0]));
                    Term count =
                        select(other == sequence, most, b.term(carried[0]));
                    return SmallVector<Value>{count};
                  })
            .front();
    return b.term(count);
  }
};

} // namespace

void reference::populateAttentionPatterns(const PartsConverter &converter,
                                          const ModuleContext &module,
                                          RewritePatternSet &patterns) {
  patterns.add<DecomposeAttention>(converter, patterns.getContext(), module);
}
