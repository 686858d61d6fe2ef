//===- Dequantize.cpp - Values of the storage formats ---------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A format is the shape of a block, in the order in which its values follow
// each other, and one scalar function from the place of a value in that shape
// to the value. Every block of N rows becomes one `linalg.generic` whose
// innermost loop walks neighbouring bytes.
//
//===----------------------------------------------------------------------===//

#include "Dequantize.h"

#include "dialects/Tok/TokTypes.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/TypeSwitch.h"
#include <functional>

using namespace mlir;
using namespace tokopt;
using namespace tokopt::reference;

namespace {

/// Reads the bytes of one block.
struct BlockReader {
  Emitter &b;
  Value bytes;
  Term begin;

  Term raw(Term at) { return b.extract(bytes, (begin + at).value); }
  /// An unsigned byte as i32.
  Term byte(Term at) {
    return b.term(arith::ExtUIOp::create(b, b.getI32Type(), raw(at).value));
  }
  /// A signed byte as f32.
  Term signedByte(Term at) { return toSignedFloat(raw(at), b.getF32Type()); }
  /// Four bytes, least significant first.
  Term f32(Term at) {
    Term bits =
        byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16 | byte(at + 3) << 24;
    return b.term(arith::BitcastOp::create(b, b.getF32Type(), bits.value));
  }
  /// Two bytes, least significant first, widened to f32.
  Term f16(Term at) {
    Term bits = byte(at) | byte(at + 1) << 8;
    Value half = arith::TruncIOp::create(b, b.getI16Type(), bits.value);
    half = arith::BitcastOp::create(b, b.getF16Type(), half);
    return resizeFloat(b.term(half), b.getF32Type());
  }
  /// The upper two bytes of an f32.
  Term bf16(Term at) {
    Term bits = byte(at) << 16 | byte(at + 1) << 24;
    return b.term(arith::BitcastOp::create(b, b.getF32Type(), bits.value));
  }
  /// The half-byte number `high` (0 or 1) at a byte, as i32.
  Term nibble(Term at, Term high) { return byte(at) >> toI32(high * 4) & 15; }
  Term toI32(Term index) {
    return b.term(arith::IndexCastUIOp::create(b, b.getI32Type(), index.value));
  }
  Term at(int64_t offset) { return b.index(offset); }
  Term number(Term integer) { return toFloat(integer, b.getF32Type()); }
};

struct Codec {
  /// Sizes of the loops over a block, outermost first; their product is the
  /// number of values. Empty: one value.
  SmallVector<int64_t> shape;
  std::function<Term(BlockReader &, ArrayRef<Term>)> decode;
};

} // namespace

/// d * (q - 8). Byte i holds values i and i + 16.
static Term decodeQ4_0(BlockReader &block, ArrayRef<Term> place) {
  Term q = block.number(block.nibble(place[1] + 2, place[0]));
  return block.f16(block.at(0)) * (q - 8);
}

/// d * q + m.
static Term decodeQ4_1(BlockReader &block, ArrayRef<Term> place) {
  Term q = block.number(block.nibble(place[1] + 4, place[0]));
  return block.f16(block.at(0)) * q + block.f16(block.at(2));
}

/// d * (q - 16). Bit j of the 32 bits behind d is the fifth bit of value j.
static Term decodeQ5_0(BlockReader &block, ArrayRef<Term> place) {
  Term bits = block.byte(place[0] * 2 + place[1] / 8 + 2);
  Term fifth = (bits >> block.toI32(place[1] % 8)) & 1;
  Term q = block.nibble(place[1] + 6, place[0]) | fifth << 4;
  return block.f16(block.at(0)) * (block.number(q) - 16);
}

/// d * q.
static Term decodeQ8_0(BlockReader &block, ArrayRef<Term> place) {
  return block.f16(block.at(0)) * block.signedByte(place[0] + 2);
}

/// (d * scale) * q - dmin * min, with scale and min of six bits for each 32
/// values. place: pair of sub-blocks, which of the two, value.
static Term decodeQ4_K(BlockReader &block, ArrayRef<Term> place) {
  Term sub = place[0] * 2 + place[1];
  // The first four scales and minima lie flat in bytes 4 to 11. The others
  // have their low four bits in bytes 12 to 15 and their high two above those.
  Term first = sub < block.at(4);
  Term column = sub % 4;
  Term low = block.byte(column + 4), middle = block.byte(column + 8),
       high = block.byte(column + 12);
  Term scale = select(first, low & 63, (high & 15) | low >> 6 << 4);
  Term minimum = select(first, middle & 63, high >> 4 | middle >> 6 << 4);
  Term q = block.nibble(place[0] * 32 + place[2] + 16, place[1]);
  return block.f16(block.at(0)) * block.number(scale) * block.number(q) -
         block.f16(block.at(2)) * block.number(minimum);
}

/// (d * scale) * (q - 32), with a signed scale for each 16 values. place: half
/// of the block, quarter of the half, which 16 of the quarter, value.
static Term decodeQ6_K(BlockReader &block, ArrayRef<Term> place) {
  Term column = place[2] * 16 + place[3];
  Term low =
      block.nibble(place[0] * 64 + place[1] % 2 * 32 + column, place[1] / 2);
  Term bits = block.byte(place[0] * 32 + column + 128);
  Term high = bits >> block.toI32(place[1] * 2) & 3;
  Term scale = block.signedByte(place[0] * 8 + place[1] * 2 + place[2] + 192);
  return block.f16(block.at(208)) * scale *
         (block.number(low | high << 4) - 32);
}

static Codec getCodec(Type format) {
  return llvm::TypeSwitch<Type, Codec>(format)
      .Case<tok::Q4_0Type>([](Type) { return Codec{{2, 16}, decodeQ4_0}; })
      .Case<tok::Q4_1Type>([](Type) { return Codec{{2, 16}, decodeQ4_1}; })
      .Case<tok::Q5_0Type>([](Type) { return Codec{{2, 16}, decodeQ5_0}; })
      .Case<tok::Q8_0Type>([](Type) { return Codec{{32}, decodeQ8_0}; })
      .Case<tok::Q4_KType>([](Type) { return Codec{{4, 2, 32}, decodeQ4_K}; })
      .Case<tok::Q6_KType>(
          [](Type) { return Codec{{2, 4, 2, 16}, decodeQ6_K}; })
      .Case<Float16Type>([](Type) {
        return Codec{{}, [](BlockReader &block, ArrayRef<Term>) {
                       return block.f16(block.at(0));
                     }};
      })
      .Case<BFloat16Type>([](Type) {
        return Codec{{}, [](BlockReader &block, ArrayRef<Term>) {
                       return block.bf16(block.at(0));
                     }};
      })
      .Default([](Type) {
        return Codec{{}, [](BlockReader &block, ArrayRef<Term>) {
                       return block.f32(block.at(0));
                     }};
      });
}

Value reference::dequantizeRows(
    Emitter &b, Type format, Value bytes, OpFoldResult rows, int64_t columns,
    llvm::function_ref<Term(Emitter &, Term)> rowPlace) {
  Codec codec = getCodec(format);
  int64_t blocks = columns / tok::getBlock(format);
  SmallVector<int64_t> inner = {blocks};
  llvm::append_range(inner, codec.shape);

  auto [staticRows, dynamicRows] = decomposeMixedValues({rows});
  Value output = b.empty({staticRows[0], columns}, b.getF32Type(), dynamicRows);
  output = b.splitRows(output, inner);
  SmallVector<unsigned> loops =
      llvm::to_vector(llvm::seq<unsigned>(0, inner.size() + 1));
  output = b.generic({}, {output, loops}, [&](Emitter &b, ArrayRef<Term>) {
    Term begin =
        rowPlace(b, b.loop(0)) + b.loop(1) * tok::getBlockBytes(format);
    BlockReader block{b, bytes, begin};
    SmallVector<Term> place;
    for (unsigned loop : ArrayRef(loops).drop_front(2))
      place.push_back(b.loop(loop));
    return codec.decode(block, place);
  });
  return b.flattenRows(output);
}
