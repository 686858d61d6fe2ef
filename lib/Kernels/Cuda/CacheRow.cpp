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

static CacheCodec codecOf(tok::CacheType type, bool isKeys) {
  return isKeys ? CacheCodec(type.getKType(), type.getKSize())
                : CacheCodec(type.getVType(), type.getVSize());
}

CacheRow::CacheRow(tok::KernelOp op, Type type)
    : layout(cast<tok::CacheType>(type)), cacheIndex(configInt(op, "cache")),
      isKeys(configName(op, "side") == "k"),
      codec(codecOf(layout.type, isKeys)) {}

/// Of bytes, a lane takes 8: sixteen f32 a chunk would be four loads.
int64_t CacheRow::width() const {
  return std::min<int64_t>(codec.chunkElements(), 8);
}

LogicalResult CacheRow::check(tok::KernelOp op, int64_t width) const {
  if (codec.size % width)
    return op.emitOpError("expects heads of a cache of a multiple of ")
           << width << ", but got " << codec.size;
  int64_t lanes = codec.size / width;
  if (codec.hasScale() && (!llvm::isPowerOf2_64(lanes) || lanes > kWarp))
    return op.emitOpError("expects heads that are rounded to bytes to be ")
           << width << ", " << 2 * width << ", " << 4 * width << ", ... or "
           << kWarp * width << " wide, but got " << codec.size;
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
Val CacheRow::roundHead(Val value, Val head, Val column, Val isInside) {
  Emitter &e = *emitter;
  int64_t width = cast<VectorType>(value.type()).getNumElements();
  RoundedChunk chunk = roundToBytes(e, value, codec.size / width);
  Val isFirst = e.equal(e.remainder(column, e.i32(codec.size)), e.i32(0));
  e.when(e.both(isInside, isFirst), [&] {
    Val scales = e.offset(head, isKeys ? layout.keyScaleOffset
                                       : layout.valueScaleOffset);
    e.store(chunk.scale, e.offset(scales, slot * 4));
  });
  return e.convert(chunk.integers, codec.element);
}

Val CacheRow::encode(Val value, Val head, Val column, Val isInside) {
  Emitter &e = *emitter;
  if (codec.hasScale())
    return roundHead(value, head, column, isInside);
  return codec.elementBytes() == 2 ? roundToHalves(e, value, codec.element)
                                   : value;
}

void CacheRow::store(Val value, Val column, int64_t columns) {
  Emitter &e = *emitter;
  auto wide = [&](Val number) {
    return e.convert(number, e.i64(), /*isUnsigned=*/true);
  };
  Val isInside = e.less(column, e.i32(columns));
  Val number = e.divide(column, e.i32(codec.size)),
      channel = e.remainder(column, e.i32(codec.size));
  Val head = pages->headOf(page, layer, wide(number));
  Val stored = encode(value, head, column, isInside);
  e.when(isInside, [&] {
    Val at = e.offset(head, isKeys ? 0 : layout.valueOffset);
    Val bytes = (slot * codec.size + wide(channel)) * codec.elementBytes();
    e.storeChunks(stored, e.offset(at, bytes));
  });
}
