//===- AttentionHead.cpp - One query head of one row ----------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two passes over the pages: the largest score, then the sum of exponentials
// and of weighted values. Probabilities, where they are asked for, are a third.
//
//===----------------------------------------------------------------------===//

#include "AttentionHead.h"

#include "mlir/Dialect/Math/IR/Math.h"
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

/// exp(score - most).
static Term getWeight(Emitter &b, Term score, Term most) {
  Term difference = score - most;
  return b.term(math::ExpOp::create(b, difference.value));
}

/// A page's part of a plane that belongs to the layer and the head.
Value AttentionHead::slicePlane(Emitter &b, Value plane, Term page,
                                ArrayRef<int64_t> shape) const {
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  SmallVector<OpFoldResult> offsets = {page.value, row.layer.value, head.value};
  SmallVector<OpFoldResult> sizes = {one, one, one};
  for (int64_t size : shape) {
    offsets.push_back(zero);
    sizes.push_back(b.getIndexAttr(size));
  }
  Type element = cast<RankedTensorType>(plane.getType()).getElementType();
  return b.slice(RankedTensorType::get(shape, element), plane, offsets, sizes);
}

Term AttentionHead::getPage(Emitter &b, Term entry) const {
  return toIndex(b.extract(parts.table, {row.sequence.value, entry.value}));
}

std::pair<Term, Term> AttentionHead::getPages() const {
  int64_t slots = type.getPage();
  Term first = row.first / slots;
  return {first, (row.end + slots - 1) / slots};
}

/// Whether the row sees slot `slot` of its page number `entry`.
Term AttentionHead::sees(Emitter &b, Term entry, Term slot) const {
  Term position = entry * type.getPage() + slot;
  Term seen = position < row.end;
  return (position >= row.first) & seen;
}

/// The scores of the slots of a page: scale * q . k, and minus infinity where
/// the row does not see the slot.
Value AttentionHead::score(Emitter &b, Term entry) const {
  int64_t slots = type.getPage();
  Term page = getPage(b, entry);
  SmallVector<Operand> inputs = {
      {query, {0}},
      {slicePlane(b, parts.keys, page, {type.getKSize(), slots}), {0, 1}}};
  if (parts.keyScales)
    inputs.push_back({slicePlane(b, parts.keyScales, page, {slots}), {1}});
  Value scores = b.fill(b.empty({slots}, b.getF32Type()), b.f32(0));
  scores =
      b.generic(inputs, {scores, {1}}, [&](Emitter &b, ArrayRef<Term> values) {
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

/// The largest score.
Value AttentionHead::findMost(Emitter &b) const {
  auto [firstPage, endPage] = getPages();
  Value most = b.fill(b.empty({}, b.getF32Type()),
                      b.f32(-std::numeric_limits<float>::infinity()));
  return b
      .forLoop(firstPage, endPage, 1, most,
               [&](Emitter &b, Term entry, ValueRange carried) {
                 Value next =
                     b.generic({{score(b, entry), {0}}}, {carried[0], {}},
                               [](Emitter &, ArrayRef<Term> values) {
                                 return maximum(values[0], values[1]);
                               });
                 return SmallVector<Value>{next};
               })
      .front();
}

Softmax AttentionHead::run(Emitter &b) const {
  int64_t slots = type.getPage(), size = type.getVSize();
  Type f32 = b.getF32Type();
  auto [firstPage, endPage] = getPages();
  Value most = findMost(b);
  Value sum = b.fill(b.empty({}, f32), b.f32(0));
  Value weighted = b.fill(b.empty({size}, f32), b.f32(0));
  ValueRange sums = b.forLoop(
      firstPage, endPage, 1, {sum, weighted},
      [&](Emitter &b, Term entry, ValueRange carried) {
        Value weights = b.generic(
            {{most, {}}}, {score(b, entry), {0}},
            [&](Emitter &b, ArrayRef<Term> values) {
              Term weight = getWeight(b, values[1], values[0]);
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
            inputs, {carried[1], {1}}, [&](Emitter &b, ArrayRef<Term> values) {
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
  return {output, most, sums[0]};
}

Term AttentionHead::logSum(Emitter &b, const Softmax &softmax) {
  Term total = b.extract(softmax.sum, {});
  Term log = b.term(math::LogOp::create(b, total.value));
  return b.extract(softmax.most, {}) + log;
}

Value AttentionHead::addProbabilities(Emitter &b, const Softmax &softmax,
                                      Value sums, Term i, Term j) const {
  auto [firstPage, endPage] = getPages();
  Term slots = b.dim(sums, 2);
  auto vector = RankedTensorType::get({ShapedType::kDynamic}, b.getF32Type());
  return b
      .forLoop(firstPage, endPage, 1, sums,
               [&](Emitter &b, Term entry, ValueRange carried) {
                 // The last page may reach beyond the slots of the sums.
                 Term begin = entry * type.getPage();
                 Term count = minimum(slots - begin, b.index(type.getPage()));
                 OpFoldResult one = b.getIndexAttr(1);
                 SmallVector<OpFoldResult> offsets = {i.value, j.value,
                                                      begin.value};
                 SmallVector<OpFoldResult> sizes = {one, one, count.value};
                 Value scores = b.slice(vector, score(b, entry),
                                        OpFoldResult(b.getIndexAttr(0)),
                                        OpFoldResult(count.value));
                 Value part = b.slice(vector, carried[0], offsets, sizes);
                 part = b.generic(
                     {{scores, {0}}, {softmax.most, {}}, {softmax.sum, {}}},
                     {part, {0}}, [&](Emitter &b, ArrayRef<Term> values) {
                       Term weight = getWeight(b, values[0], values[1]);
                       Term sum = values[3] + weight / values[2];
                       return select(sees(b, entry, b.loop(0)), sum, values[3]);
                     });
                 return SmallVector<Value>{
                     b.insert(part, carried[0], offsets, sizes)};
               })
      .front();
}
