//===- CacheRow.cpp - A row that is written to a cache --------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cuda/CacheRow.h"

#include "lib/Kernels/Common/Config.h"
#include "lib/Kernels/Cuda/Rounding.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cuda;
using namespace tokopt::kernels;
using cuda::Emitter;

/// Elements of the longest head that is rounded to bytes: as many as attention
/// reads.
static constexpr int64_t kMostRounded = kWarp * kChunkBytes;

static CacheCodec codecOf(tok::CacheType type, bool isKeys) {
  return isKeys ? CacheCodec(type.getKType(), type.getKSize())
                : CacheCodec(type.getVType(), type.getVSize());
}

CacheRow::CacheRow(tok::KernelOp op, Type type)
    : layout(cast<tok::CacheType>(type)), cacheIndex(configInt(op, "cache")),
      isKeys(configName(op, "side") == "k"),
      codec(codecOf(layout.type, isKeys)) {}

int64_t CacheRow::span(int64_t width) const {
  int64_t chunks = codec.size / width;
  return codec.hasScale() ? std::max<int64_t>(1, chunks / kWarp) : 1;
}

LogicalResult CacheRow::check(tok::KernelOp op, int64_t width) const {
  if (codec.size % width)
    return op.emitOpError("expects heads of a cache of a multiple of ")
           << width << ", but got " << codec.size;
  if (codec.hasScale() &&
      (!llvm::isPowerOf2_64(codec.size / width) || codec.size > kMostRounded))
    return op.emitOpError("expects heads that are rounded to bytes to be ")
           << width << ", " << 2 * width << ", " << 4 * width << ", ... or "
           << kMostRounded << " wide, but got " << codec.size;
  return success();
}

void CacheRow::place(Emitter &e, const Arguments &arguments, Val row) {
  emitter = &e;
  auto column = [&](Slot slot) {
    Val base = e.slot(arguments.frame, slot, arguments.frame.type());
    return e.convert(e.load(e.i32(), e.offset(base, row * 4)), e.i64());
  };
  Val position = column(Slot::Pos);
  pages.emplace(e, layout, arguments.frame, cacheIndex, column(Slot::Seq));
  page = pages->page(position);
  slot = e.remainder(position, e.i64(layout.slots));
  layer = arguments.layer;
}

/// The first lane of a head stores its scale.
Vals CacheRow::roundHead(ArrayRef<Val> values, Val head, Val column,
                         Val isInside) {
  Emitter &e = *emitter;
  int64_t width = cast<VectorType>(values[0].type()).getNumElements();
  RoundedChunks chunks =
      roundToBytes(e, values, codec.size / width / values.size());
  Val isFirst = e.equal(e.remainder(column, e.i32(codec.size)), e.i32(0));
  e.when(e.both(isInside, isFirst), [&] {
    Val scales = e.offset(head, isKeys ? layout.keyScaleOffset
                                       : layout.valueScaleOffset);
    e.store(chunks.scale, e.offset(scales, slot * 4));
  });
  Vals bytes;
  for (Val integers : chunks.integers)
    bytes.push_back(e.convert(integers, codec.element));
  return bytes;
}

Vals CacheRow::encode(ArrayRef<Val> values, Val head, Val column,
                      Val isInside) {
  if (codec.hasScale())
    return roundHead(values, head, column, isInside);
  if (codec.elementBytes() == 2)
    return {roundToHalves(*emitter, values[0], codec.element)};
  return Vals(values);
}

void CacheRow::store(ArrayRef<Val> values, ArrayRef<Val> columns, int64_t end) {
  Emitter &e = *emitter;
  auto wide = [&](Val number) {
    return e.convert(number, e.i64(), /*isUnsigned=*/true);
  };
  Val isInside = e.less(columns[0], e.i32(end));
  Val number = e.divide(columns[0], e.i32(codec.size));
  Val head = pages->headOf(page, layer, wide(number));
  Vals stored = encode(values, head, columns[0], isInside);
  e.when(isInside, [&] {
    for (auto [chunk, column] : llvm::zip_equal(stored, columns)) {
      Val channel = e.remainder(column, e.i32(codec.size));
      Val at = e.offset(head, isKeys ? 0 : layout.valueOffset);
      Val bytes = (slot * codec.size + wide(channel)) * codec.elementBytes();
      e.storeChunks(chunk, e.offset(at, bytes));
    }
  });
}
