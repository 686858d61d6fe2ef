//===- Quantize.cpp - Numbers of the storage formats ----------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// As a format is read by one scalar function from the place of a value to the
// value, it is written by one from the place of a byte in a block to the byte.
// What all bytes of a block share, its largest magnitude and the like, is
// reduced before.
//
//===----------------------------------------------------------------------===//

#include "Quantize.h"

#include "dialects/Tok/TokTypes.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cfloat>
#include <functional>

using namespace mlir;
using namespace tokopt;
using namespace tokopt::reference;

/// Values of a block, in every format that rounds.
static constexpr int64_t kBlock = 32;

static Term magnitude(Term value) {
  Emitter &b = *value.emitter;
  return b.term(math::AbsFOp::create(b, value.value));
}

/// Whether `value` is too small to divide by, or to be told from zero.
static Term isNothing(Term value) {
  Emitter &b = *value.emitter;
  return magnitude(value) < b.f32(0x1p-125);
}

Term reference::settle(Term value) {
  Emitter &b = *value.emitter;
  Value zero = math::CopySignOp::create(b, b.f32(0), value);
  return select(isNothing(value), b.term(zero), value);
}

namespace {

/// Knows the values of one block, and what was reduced from them.
struct BlockWriter {
  Emitter &b;
  /// Settled, `[rows, blocks, 32]`; of each block the first value of the
  /// largest magnitude, the least and the largest value, `[rows, blocks]`.
  Value values, extremes, least, most;
  Term row, block;

  Term of(Value reduced) {
    return b.extract(reduced, {row.value, block.value});
  }
  Term value(Term k) {
    return b.extract(values, {row.value, block.value, k.value});
  }
  /// 1 / d, or 0 for next to nothing.
  Term invert(Term d) { return select(isNothing(d), b.f32(0), b.f32(1) / d); }
  /// The integer part as i32.
  Term truncate(Term value) {
    return b.term(arith::FPToSIOp::create(b, b.getI32Type(), value.value));
  }
  /// The byte `at % 2` of `value` as f16, least significant first, as i32.
  Term halfByte(Term value, Term at) {
    Value half = arith::TruncFOp::create(b, b.getF16Type(), value.value);
    half = arith::BitcastOp::create(b, b.getI16Type(), half);
    Term bits = b.term(arith::ExtUIOp::create(b, b.getI32Type(), half));
    return bits >> toI32(at % 2 * 8) & 255;
  }
  Term toI32(Term index) {
    return b.term(arith::IndexCastUIOp::create(b, b.getI32Type(), index.value));
  }
  /// How far `at` is behind `begin`, or 0.
  Term behind(Term at, int64_t begin) {
    return maximum(at, b.index(begin)) - begin;
  }
};

/// The byte at `at` of a block, as i32.
using Encode = std::function<Term(BlockWriter &, Term)>;

} // namespace

/// round(x * i), half away from zero, with d = max |x| / 127.
static Term encodeQ8_0(BlockWriter &block, Term at) {
  Emitter &b = block.b;
  Term d = magnitude(block.of(block.extremes)) / 127;
  Term scaled = block.value(block.behind(at, 2)) * block.invert(d);
  Value rounded = math::RoundOp::create(b, scaled.value);
  return select(at < b.index(2), block.halfByte(d, at),
                block.truncate(b.term(rounded)) & 255);
}

/// min(2 * zero - 1, trunc(x * i + zero + 0.5)).
static Term encodeAroundZero(BlockWriter &block, Term d, int64_t zero, Term k) {
  Emitter &b = block.b;
  Term scaled = block.value(k) * block.invert(d);
  Term number = block.truncate(scaled + b.f32(static_cast<double>(zero) + 0.5));
  return minimum(number, b.integer(b.getI32Type(), 2 * zero - 1));
}

/// d = e / -8. Byte i of the nibbles holds numbers i and i + 16.
static Term encodeQ4_0(BlockWriter &block, Term at) {
  Emitter &b = block.b;
  Term d = block.of(block.extremes) / -8, i = block.behind(at, 2);
  Term low = encodeAroundZero(block, d, 8, i);
  Term high = encodeAroundZero(block, d, 8, i + 16);
  return select(at < b.index(2), block.halfByte(d, at), low | high << 4);
}

/// d = e / -16. Bit j of the 32 bits behind d is the fifth bit of number j.
static Term encodeQ5_0(BlockWriter &block, Term at) {
  Emitter &b = block.b;
  Term d = block.of(block.extremes) / -16;
  Term first = minimum(block.behind(at, 2), b.index(3)) * 8;
  Term fifth = b.integer(b.getI32Type(), 0);
  for (int64_t bit = 0; bit < 8; ++bit)
    fifth = fifth | encodeAroundZero(block, d, 16, first + bit) >> 4 << bit;
  Term i = block.behind(at, 6);
  Term low = encodeAroundZero(block, d, 16, i) & 15;
  Term high = encodeAroundZero(block, d, 16, i + 16) & 15;
  return select(at < b.index(2), block.halfByte(d, at),
                select(at < b.index(6), fifth, low | high << 4));
}

/// min(15, trunc((x - m) * i + 0.5)), with d = (max x - m) / 15, m = min x.
static Term encodeQ4_1(BlockWriter &block, Term at) {
  Emitter &b = block.b;
  Term m = block.of(block.least), d = (block.of(block.most) - m) / 15;
  auto number = [&](Term k) {
    Term scaled = settle(block.value(k) - m) * block.invert(d);
    return minimum(block.truncate(scaled + b.f32(0.5)),
                   b.integer(b.getI32Type(), 15));
  };
  Term i = block.behind(at, 4);
  return select(at < b.index(4),
                block.halfByte(select(at < b.index(2), d, m), at),
                number(i) | number(i + 16) << 4);
}

static Encode getEncode(Type format) {
  return llvm::TypeSwitch<Type, Encode>(format)
      .Case<tok::Q8_0Type>([](Type) { return encodeQ8_0; })
      .Case<tok::Q4_0Type>([](Type) { return encodeQ4_0; })
      .Case<tok::Q5_0Type>([](Type) { return encodeQ5_0; })
      .Case<tok::Q4_1Type>([](Type) { return encodeQ4_1; });
}

/// `[rows, blocks]`: `step` over the values of each block, from `start` on.
static Value reduceBlocks(Emitter &b, Value split, double start,
                          llvm::function_ref<Term(Term, Term)> step) {
  auto type = cast<RankedTensorType>(split.getType());
  SmallVector<Value> sizes;
  if (type.isDynamicDim(0))
    sizes.push_back(b.dim(split, 0));
  Value reduced = b.empty(type.getShape().drop_back(), b.getF32Type(), sizes);
  return b.generic({{split, {0, 1, 2}}},
                   {b.fill(reduced, b.f32(start)), {0, 1}},
                   [&](Emitter &, ArrayRef<Term> values) {
                     return step(values[0], values[1]);
                   });
}

Value reference::quantizeRows(Emitter &b, Type format, Value values) {
  auto type = cast<RankedTensorType>(values.getType());
  int64_t blocks = type.getDimSize(1) / kBlock;
  SmallVector<Value> rows;
  if (type.isDynamicDim(0))
    rows.push_back(b.dim(values, 0));
  Value settled = b.generic(
      {{values, {0, 1}}},
      {b.empty(type.getShape(), b.getF32Type(), rows), {0, 1}},
      [](Emitter &, ArrayRef<Term> values) { return settle(values[0]); });
  settled = b.splitRows(settled, {blocks, kBlock});

  Value extremes = reduceBlocks(b, settled, 0, [](Term value, Term known) {
    return select(magnitude(value) > magnitude(known), value, known);
  });
  Value least = reduceBlocks(b, settled, FLT_MAX, [](Term value, Term known) {
    return select(value < known, value, known);
  });
  Value most = reduceBlocks(b, settled, -FLT_MAX, [](Term value, Term known) {
    return select(value > known, value, known);
  });

  Encode encode = getEncode(format);
  Value bytes =
      b.empty({type.getDimSize(0), blocks, tok::getBlockBytes(format)},
              b.getI8Type(), rows);
  bytes = b.generic({}, {bytes, {0, 1, 2}}, [&](Emitter &b, ArrayRef<Term>) {
    BlockWriter block{b, settled, extremes, least, most, b.loop(0), b.loop(1)};
    Term byte = encode(block, b.loop(2));
    return b.term(arith::TruncIOp::create(b, b.getI8Type(), byte.value));
  });
  return b.flattenRows(bytes);
}
