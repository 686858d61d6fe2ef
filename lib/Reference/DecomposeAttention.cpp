//===- DecomposeAttention.cpp - Attention over the cache ------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A loop over the rows and one over their heads carry the results; each head
// leaves its part in every result that is asked for. Rows go one by one, so
// that what sums over rows sums in their order.
//
//===----------------------------------------------------------------------===//

#include "AttentionHead.h"
#include "Decompose.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::reference;

namespace {

/// The results of the op; those that nobody asks for are null.
struct Results {
  Value output, lse, keyMass, windowProbs;

  /// Those that are asked for, in their order, as loops carry them.
  SmallVector<Value> pack() const {
    SmallVector<Value> values;
    for (Value value : {output, lse, keyMass, windowProbs})
      if (value)
        values.push_back(value);
    return values;
  }
  Results with(ValueRange values) const {
    Results next = *this;
    for (Value *value :
         {&next.output, &next.lse, &next.keyMass, &next.windowProbs})
      if (*value) {
        *value = values.front();
        values = values.drop_front();
      }
    return next;
  }
};

/// What the heads of all rows read.
struct AttentionReader {
  tok::AttentionOp op;
  tok::CacheType type;
  CacheParts parts;
  Value query; // [T, H, D]
  Value positions, sequences;
  Term layer;

  /// Which positions row t sees.
  AttentionRow findRow(Emitter &b, Term t) {
    Term position = toIndex(b.extract(positions, t.value));
    Term sequence = toIndex(b.extract(sequences, t.value));
    Term end = op.getMask().getCausal() ? position + 1 : countRows(b, sequence);
    Term first = b.index(0);
    if (int64_t window = op.getMask().getWindow()) {
      // max(position + 1 - window, 0) without going below zero.
      Term reached = maximum(position + 1, b.index(window));
      first = reached - window;
    }
    return {layer, sequence, first, end};
  }

  /// One more than the last position of `sequence` in this step.
  Term countRows(Emitter &b, Term sequence) {
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

  /// Ends the run where a result has no place for what the row sees.
  static void requirePlaces(Emitter &b, const Results &results,
                            const AttentionRow &row) {
    if (results.keyMass) {
      b.require(row.sequence < b.dim(results.keyMass, 0),
                "tok.attention: key_mass has not the sequence of a row");
      b.require(b.dim(results.keyMass, 2) >= row.end,
                "tok.attention: a row sees more slots than key_mass has");
    }
    if (results.windowProbs)
      b.require(b.dim(results.windowProbs, 2) >= row.end,
                "tok.attention: a row sees more slots than window_probs has");
  }

  /// Head h of row t, in the places of the results that are its own.
  Results writeHead(Emitter &b, const Results &results, Term t, Term h,
                    const AttentionRow &row) {
    int64_t group = op.getQuery().getType().getDimSize(1) / type.getHeads();
    OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
    SmallVector<OpFoldResult> offsets = {t.value, h.value, zero};
    Value q =
        b.slice(RankedTensorType::get(type.getKSize(), b.getF32Type()), query,
                offsets, {one, one, b.getIndexAttr(type.getKSize())});
    AttentionHead head(type, parts, op.getScale().convertToFloat(), q,
                       h / group, row);
    Softmax softmax = head.run(b);
    Results next = results;
    next.output = b.insert(softmax.output, results.output, offsets,
                           {one, one, b.getIndexAttr(type.getVSize())});
    if (results.lse) {
      Term lse = AttentionHead::logSum(b, softmax);
      next.lse = tensor::InsertOp::create(b, lse, results.lse,
                                          ValueRange{t.value, h.value});
    }
    if (results.keyMass)
      next.keyMass =
          head.addProbabilities(b, softmax, results.keyMass, row.sequence, h);
    if (results.windowProbs) // which begins with zeros
      next.windowProbs =
          head.addProbabilities(b, softmax, results.windowProbs, t, h);
    return next;
  }

  /// All rows, from what `results` begin with.
  Results writeRows(Emitter &b, const Results &results) {
    int64_t heads = op.getQuery().getType().getDimSize(1);
    ValueRange values = b.forLoop(
        b.index(0), b.dim(query, 0), 1, results.pack(),
        [&](Emitter &b, Term t, ValueRange carried) {
          AttentionRow row = findRow(b, t);
          requirePlaces(b, results.with(carried), row);
          return SmallVector<Value>(b.forLoop(
              b.index(0), b.index(heads), 1, carried,
              [&](Emitter &b, Term h, ValueRange carried) {
                return writeHead(b, results.with(carried), t, h, row).pack();
              }));
        });
    return results.with(values);
  }
};

struct DecomposeAttention : DecomposePattern<tok::AttentionOp> {
  using DecomposePattern::DecomposePattern;

  LogicalResult
  matchAndRewrite(tok::AttentionOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter b(op.getLoc(), rewriter);
    tok::CacheType type = op.getCache().getType();
    tok::RowsType rows = op.getRows().getType();
    AttentionReader reader{
        op,
        type,
        CacheParts(type, adaptor.getCache()),
        adaptor.getQuery().front(),
        getColumn(rows, adaptor.getRows(), "pos"),
        getColumn(rows, adaptor.getRows(), "seq"),
        findLayer(b, type.getLayers(), adaptor.getLayer().front())};
    b.requireSameRows(
        reader.query, reader.positions,
        "tok.attention: the query has not the rows of the columns");

    // What the results begin with.
    Value count = b.dim(reader.query, 0);
    auto makeRows = [&](Value result) {
      return b.empty(cast<RankedTensorType>(result.getType()).getShape(),
                     b.getF32Type(), count);
    };
    Results results;
    results.output = makeRows(op.getOutput());
    if (op.getLse())
      results.lse = makeRows(op.getLse());
    if (op.getKeyMass())
      results.keyMass = adaptor.getMassSoFar().front();
    if (op.getWindowProbs()) {
      results.windowProbs = b.fill(makeRows(op.getWindowProbs()), b.f32(0));
      b.require(
          b.dim(results.windowProbs, 2) == b.term(adaptor.getSlots().front()),
          "tok.attention: window_probs has not as many slots as slots says");
    }
    SmallVector<SmallVector<Value>> replacements;
    for (Value value : reader.writeRows(b, results).pack())
      replacements.push_back({value});
    rewriter.replaceOpWithMultiple(op, std::move(replacements));
    return success();
  }
};

} // namespace

void reference::populateAttentionPatterns(const PartsConverter &converter,
                                          const ModuleContext &module,
                                          RewritePatternSet &patterns) {
  patterns.add<DecomposeAttention>(converter, patterns.getContext(), module);
}
