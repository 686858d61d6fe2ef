//===- Rounding.cpp - Numbers that are rounded to fewer bits --------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cuda/Rounding.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cuda;
using namespace tokopt::kernels;
using cuda::Emitter;

static int64_t widthOf(Val chunk) {
  return cast<VectorType>(chunk.type()).getNumElements();
}

RoundedChunks cuda::roundToBytes(Emitter &e, ArrayRef<Val> values,
                                 int64_t lanes, Here here) {
  Val largest = e.maxLanes(e.abs(values[0], here), here);
  for (Val value : values.drop_front())
    largest = e.max(largest, e.maxLanes(e.abs(value, here), here), here);
  for (int64_t mask = lanes / 2; mask; mask /= 2)
    largest = e.max(largest, e.shuffleXor(largest, mask, here), here);
  Val zero = e.zero(e.f32(), here), most = e.constant(127.0, e.f32(), here);
  Val inverse = e.select(e.less(zero, largest, here),
                         e.divide(most, largest, here), zero, here);
  RoundedChunks chunks{{}, e.divide(largest, most, here)};
  for (Val value : values) {
    Val scaled = value * Operand(e.splat(inverse, widthOf(value), here), here);
    chunks.integers.push_back(e.convert(e.roundEven(scaled, here), e.i32(),
                                        /*isUnsigned=*/false, here));
  }
  return chunks;
}

Val cuda::roundToHalves(Emitter &e, Val value, Type element, Here here) {
  Vals pairs;
  for (int64_t i = 0, end = widthOf(value); i < end; i += 2)
    pairs.push_back(e.pack(e.extract(value, i, here),
                           e.extract(value, i + 1, here), element, here));
  return e.gather(pairs, here);
}

LogicalResult RoundedRow::check(tok::KernelOp op) const {
  if (layout.columns % QuantizedRow::kBlock)
    return op.emitOpError("expects rows of whole blocks of ")
           << QuantizedRow::kBlock << " columns to round them, but got "
           << layout.columns;
  return success();
}

/// The first lane of a block stores its numbers: scales of neighbouring blocks
/// lie side by side, and so do the others.
void RoundedRow::store(Emitter &e, Val value, Val column, Val row) const {
  int64_t width = widthOf(value);
  RoundedChunks chunk = roundToBytes(e, value, QuantizedRow::kBlock / width);
  Val integers = chunk.integers[0];
  Val half = e.sumLanes(integers);
  int64_t mask = 1;
  for (; mask < QuantizedRow::kHalf / width; mask *= 2)
    half = half + e.shuffleXor(half, mask);
  Val other = e.shuffleXor(half, mask);
  auto wide = [&](Val number) {
    return e.convert(number, e.i64(), /*isUnsigned=*/true);
  };
  e.when(e.less(column, e.i32(layout.columns)), [&] {
    e.storeChunks(e.convert(integers, e.i8()), e.offset(row, wide(column)));
    Val block = e.divide(column, e.i32(QuantizedRow::kBlock));
    Val inBlock = e.remainder(column, e.i32(QuantizedRow::kBlock));
    e.when(e.equal(inBlock, e.i32(0)), [&] {
      Val at = e.offset(row, wide(block) * 4);
      Val sum = e.convert(half + other, e.f32());
      e.store(chunk.scale, at, layout.scales());
      e.store(chunk.scale * sum, at, layout.scaledSums());
      e.storeChunks(e.gather({half, other}),
                    e.offset(e.offset(row, wide(block) * 8), layout.sums()));
    });
  });
}
