//===- DecomposeCache.cpp - Rows written to the cache ---------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CacheLayout.h"
#include "Decompose.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::reference;

/// Where a row goes: its page and slot, and the layer in the page.
namespace {
struct Place {
  Term page, layer, slot;
};

/// One half of a cache, keys or values.
struct Side {
  Value rows;      // [T, G, D], what to write
  bool transposed; // whether the plane is [pages, L, G, D, S]
  Type element;    // of the plane
};
} // namespace

/// `planes` (the plane of `side`, and the scales if it has them) with row `t`
/// written to its place.
static SmallVector<Value> writeRow(Emitter &b, const Side &side, Term t,
                                   const Place &place, ValueRange planes) {
  auto type = cast<RankedTensorType>(side.rows.getType());
  int64_t heads = type.getDimSize(1), size = type.getDimSize(2);
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  OpFoldResult allHeads = b.getIndexAttr(heads), all = b.getIndexAttr(size);
  Value row = b.slice(RankedTensorType::get({heads, size}, b.getF32Type()),
                      side.rows, {t.value, zero, zero}, {one, allHeads, all});

  SmallVector<OpFoldResult> offsets = {place.page.value, place.layer.value,
                                       zero, place.slot.value, zero};
  SmallVector<OpFoldResult> sizes = {one, one, allHeads, one, all};
  if (side.transposed) {
    std::swap(offsets[3], offsets[4]);
    std::swap(sizes[3], sizes[4]);
  }
  Value part = b.slice(RankedTensorType::get({heads, size}, side.element),
                       planes[0], offsets, sizes);
  if (!side.element.isInteger()) {
    part = b.generic({{row, {0, 1}}}, {part, {0, 1}},
                     [&](Emitter &b, ArrayRef<Term> values) {
                       return resizeFloat(values[0], side.element);
                     });
    return {b.insert(part, planes[0], offsets, sizes)};
  }

  Value most = largestMagnitudes(b, row); // [G]
  part = b.generic({{row, {0, 1}}, {most, {0}}}, {part, {0, 1}},
                   [&](Emitter &b, ArrayRef<Term> values) {
                     Term byte = roundToByte(values[0], values[1]).byte;
                     return b.term(
                         arith::FPToSIOp::create(b, side.element, byte.value));
                   });
  SmallVector<OpFoldResult> scaleOffsets = {place.page.value, place.layer.value,
                                            zero, place.slot.value};
  SmallVector<OpFoldResult> scaleSizes = {one, one, allHeads, one};
  Value scales = b.slice(RankedTensorType::get(heads, b.getF32Type()),
                         planes[1], scaleOffsets, scaleSizes);
  scales = b.generic({{most, {0}}}, {scales, {0}},
                     [](Emitter &, ArrayRef<Term> values) {
                       return roundToByte(values[0], values[0]).scale;
                     });
  return {b.insert(part, planes[0], offsets, sizes),
          b.insert(scales, planes[1], scaleOffsets, scaleSizes)};
}

namespace {

struct DecomposeAppend : DecomposePattern<tok::AppendOp> {
  using DecomposePattern::DecomposePattern;

  LogicalResult
  matchAndRewrite(tok::AppendOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Emitter b(op.getLoc(), rewriter);
    tok::CacheType type = op.getCache().getType();
    CacheParts parts(type, adaptor.getCache());
    Value positions =
        getColumn(op.getRows().getType(), adaptor.getRows(), "pos");
    Value sequences =
        getColumn(op.getRows().getType(), adaptor.getRows(), "seq");
    Side keys{adaptor.getKey().front(), true, type.getKType()};
    Side values{adaptor.getValue().front(), false, type.getVType()};
    for (Value rows : {keys.rows, values.rows})
      b.requireSameRows(
          rows, positions,
          "tok.append: the key or the value has not the rows of the columns");
    Term layer = findLayer(b, type.getLayers(), adaptor.getLayer().front());

    SmallVector<Value> keyPlanes = {parts.keys}, valuePlanes = {parts.values};
    if (parts.keyScales)
      keyPlanes.push_back(parts.keyScales);
    if (parts.valueScales)
      valuePlanes.push_back(parts.valueScales);
    size_t split = keyPlanes.size();
    SmallVector<Value> carried = keyPlanes;
    llvm::append_range(carried, valuePlanes);

    ValueRange written = b.forLoop(
        b.index(0), b.dim(positions, 0), 1, carried,
        [&](Emitter &b, Term t, ValueRange carried) {
          Term position = toIndex(b.extract(positions, t.value));
          Term sequence = toIndex(b.extract(sequences, t.value));
          Term entry = position / type.getPage();
          Term page =
              toIndex(b.extract(parts.table, {sequence.value, entry.value}));
          Place place{page, layer, position % type.getPage()};
          SmallVector<Value> next =
              writeRow(b, keys, t, place, carried.take_front(split));
          llvm::append_range(
              next, writeRow(b, values, t, place, carried.drop_front(split)));
          return next;
        });
    parts.keys = written[0];
    parts.values = written[split];
    if (parts.keyScales)
      parts.keyScales = written[1];
    if (parts.valueScales)
      parts.valueScales = written[split + 1];
    rewriter.replaceOpWithMultiple(op, {parts.pack()});
    return success();
  }
};

} // namespace

void reference::populateCachePatterns(const PartsConverter &converter,
                                      const ModuleContext &module,
                                      RewritePatternSet &patterns) {
  patterns.add<DecomposeAppend>(converter, patterns.getContext(), module);
}
