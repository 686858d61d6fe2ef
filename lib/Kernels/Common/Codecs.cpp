//===- Codecs.cpp - How packed weights become numbers ---------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Common/Codecs.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::kernels;

Val GroupRef::address(Val pointer, int64_t bytes, int64_t perRow) const {
  Emitter &e = *pointer.emitter;
  if (dynamicRow.value)
    pointer = e.offset(pointer, dynamicRow * perRow);
  return e.offset(pointer, bytes + perRow * firstRow);
}

Val GroupRef::columns(Emitter &e, int64_t line) const {
  return words(e, 64 * line);
}

Val GroupRef::words(Emitter &e, int64_t bytes) const {
  return e.load(e.vec(lanes, e.i32()), address(group, bytes, 4));
}

Val GroupRef::halves(Emitter &e, Of of, int64_t bytes) const {
  Val pointer = of == Of::Block ? block : group;
  return e.load(e.vec(lanes, e.f16()), address(pointer, bytes, 2));
}

Val GroupRef::bytes(Emitter &e, int64_t bytes) const {
  return e.load(e.vec(lanes, e.i8()), address(group, bytes, 1));
}

namespace {

using Of = GroupReader::Of;

//===----------------------------------------------------------------------===//
// Pieces that formats share
//===----------------------------------------------------------------------===//

/// An f16 of each row as f32.
Val loadHalves(Emitter &e, const GroupReader &ref, Of of, int64_t bytes) {
  return e.convert(ref.halves(e, of, bytes), e.f32());
}

/// A byte of each row as i32.
Val loadBytes(Emitter &e, const GroupReader &ref, int64_t bytes,
              bool isUnsigned) {
  return e.convert(ref.bytes(e, bytes), e.i32(), isUnsigned);
}

/// `words` shifted right by `bits` for each line before number `i`.
Val shiftByLine(Emitter &e, const GroupReader &ref, Val words, int64_t i,
                int64_t bits, Here here = {}) {
  if (!ref.firstLine.value)
    return e.shiftRight(words, bits * i, here);
  Val line = ref.firstLine + Operand(i, here);
  Val by = e.splat(line * Operand(bits, here), ref.lanes, here);
  return e.wrap(arith::ShRUIOp::create(e.at(here), words.value, by.value));
}

/// Columns 4i .. 4i + 3 of four lines of nibbles, as bytes in 32-bit lanes.
Val nibbles(Emitter &e, const GroupReader &ref, int64_t i) {
  return e.andBits(e.shiftRight(ref.columns(e, i % 4), i < 4 ? 0 : 4),
                   0x0F0F0F0F);
}

/// Byte `j` of each lane as an integer.
Val byteOf(Emitter &e, Val lanes, int64_t j) {
  return e.andBits(e.shiftRight(lanes, 8 * j), 0xFF);
}

/// A format whose bytes are nibbles with more bits above them.
class NibbleCodec : public Codec {
public:
  /// The bits above the nibbles of columns 4i .. 4i + 3, in place, or null.
  virtual Val highBits(Emitter &e, const GroupReader &ref, int64_t i) const {
    return {};
  }

  Val lanes(Emitter &e, const GroupReader &ref, int64_t i) const {
    Val low = nibbles(e, ref, i);
    Val high = highBits(e, ref, i);
    return high.value ? e.orBits(low, high) : low;
  }
  Val bytes(Emitter &e, const GroupReader &ref, int64_t i) const override {
    return e.bitcast(lanes(e, ref, i), e.vec(4 * ref.lanes, e.i8()));
  }
  /// The unsigned integer of column k, as f32.
  Val integer(Emitter &e, const GroupReader &ref, int64_t k) const {
    return e.convert(byteOf(e, lanes(e, ref, k / 4), k % 4), e.f32());
  }
  int64_t columnBytes() const override { return 256; }
  int64_t largest() const override { return 15; }
  int64_t operations() const override { return 2; }
};

//===----------------------------------------------------------------------===//
// Blocks of 32
//===----------------------------------------------------------------------===//

struct Q4_0Codec : NibbleCodec {
  int64_t blockColumns() const override { return 32; }
  int64_t panelBytes() const override { return 288; }
  int64_t bias() const override { return 8; }
  Val scale(Emitter &e, const GroupReader &ref) const override {
    return loadHalves(e, ref, Of::Group, 256);
  }
  /// d * (q - 8)
  Val decode(Emitter &e, const GroupReader &ref, int64_t k) const override {
    return (integer(e, ref, k) - 8) * scale(e, ref);
  }
};

struct Q4_1Codec : NibbleCodec {
  int64_t blockColumns() const override { return 32; }
  int64_t panelBytes() const override { return 320; }
  Val scale(Emitter &e, const GroupReader &ref) const override {
    return loadHalves(e, ref, Of::Group, 256);
  }
  Val offset(Emitter &e, const GroupReader &ref) const override {
    return loadHalves(e, ref, Of::Group, 288);
  }
  /// d * q + m
  Val decode(Emitter &e, const GroupReader &ref, int64_t k) const override {
    return integer(e, ref, k) * scale(e, ref) + offset(e, ref);
  }
};

struct Q5_0Codec : NibbleCodec {
  int64_t blockColumns() const override { return 32; }
  int64_t panelBytes() const override { return 352; }
  int64_t bias() const override { return 16; }
  int64_t largest() const override { return 31; }
  int64_t operations() const override { return 6; }
  Val highBits(Emitter &e, const GroupReader &ref, int64_t i) const override {
    Val bits = shiftByLine(e, ref, ref.words(e, 256), i, 1);
    return e.shiftLeft(e.andBits(bits, 0x01010101), 4);
  }
  Val scale(Emitter &e, const GroupReader &ref) const override {
    return loadHalves(e, ref, Of::Group, 320);
  }
  /// d * (q - 16)
  Val decode(Emitter &e, const GroupReader &ref, int64_t k) const override {
    return (integer(e, ref, k) - 16) * scale(e, ref);
  }
};

struct Q8_0Codec : Codec {
  int64_t blockColumns() const override { return 32; }
  int64_t panelBytes() const override { return 544; }
  int64_t columnBytes() const override { return 512; }
  int64_t bias() const override { return 128; }
  int64_t largest() const override { return 255; }
  int64_t operations() const override { return 0; }
  Val bytes(Emitter &e, const GroupReader &ref, int64_t i) const override {
    return e.bitcast(ref.columns(e, i), e.vec(4 * ref.lanes, e.i8()));
  }
  Val scale(Emitter &e, const GroupReader &ref) const override {
    return loadHalves(e, ref, Of::Group, 512);
  }
  /// d * q, q = byte - 128
  Val decode(Emitter &e, const GroupReader &ref, int64_t k) const override {
    Val q = e.convert(byteOf(e, ref.columns(e, k / 4), k % 4), e.f32()) - 128;
    return q * scale(e, ref);
  }
};

//===----------------------------------------------------------------------===//
// Blocks of 256
//===----------------------------------------------------------------------===//

struct Q4_KCodec : NibbleCodec {
  int64_t blockColumns() const override { return 256; }
  int64_t panelBytes() const override { return 2368; }
  int64_t groupOffset() const override { return 64; }
  int64_t groupBytes() const override { return 288; }
  Val scale(Emitter &e, const GroupReader &ref) const override {
    return loadHalves(e, ref, Of::Block, 0) *
           e.convert(loadBytes(e, ref, 256, true), e.f32());
  }
  Val offset(Emitter &e, const GroupReader &ref) const override {
    Val least = loadHalves(e, ref, Of::Block, 32) *
                e.convert(loadBytes(e, ref, 272, true), e.f32());
    return e.zero(least.type()) - least;
  }
  /// d * scale * q - dmin * min
  Val decode(Emitter &e, const GroupReader &ref, int64_t k) const override {
    return integer(e, ref, k) * scale(e, ref) + offset(e, ref);
  }
};

struct Q6_KCodec : NibbleCodec {
  int64_t blockColumns() const override { return 256; }
  int64_t panelBytes() const override { return 3360; }
  int64_t groupOffset() const override { return 32; }
  int64_t groupBytes() const override { return 416; }
  int64_t bias() const override { return 32; }
  int64_t largest() const override { return 63; }
  int64_t operations() const override { return 6; }
  Val highBits(Emitter &e, const GroupReader &ref, int64_t i) const override {
    Val line = ref.words(e, 256 + 64 * (i / 4));
    Val bits = shiftByLine(e, ref, line, i % 4, 2);
    return e.shiftLeft(e.andBits(bits, 0x03030303), 4);
  }
  Val scale(Emitter &e, const GroupReader &ref) const override {
    return loadHalves(e, ref, Of::Block, 0);
  }
  Val halfScale(Emitter &e, const GroupReader &ref,
                int64_t half) const override {
    return loadBytes(e, ref, 384 + 16 * half, false);
  }
  /// d * scale * (q - 32)
  Val decode(Emitter &e, const GroupReader &ref, int64_t k) const override {
    Val scales = e.convert(halfScale(e, ref, k / 16), e.f32());
    return (integer(e, ref, k) - 32) * (scale(e, ref) * scales);
  }
};

//===----------------------------------------------------------------------===//
// Floats
//===----------------------------------------------------------------------===//

struct F16Codec : Codec {
  int64_t blockColumns() const override { return 1; }
  int64_t panelBytes() const override { return 32; }
  int64_t columnBytes() const override { return 32; }
  int64_t operations() const override { return 1; }
  Val decode(Emitter &e, const GroupReader &ref, int64_t) const override {
    return loadHalves(e, ref, Of::Group, 0);
  }
};

struct BF16Codec : Codec {
  int64_t blockColumns() const override { return 1; }
  int64_t panelBytes() const override { return 32; }
  int64_t columnBytes() const override { return 32; }
  int64_t operations() const override { return 2; }
  /// The upper half of an f32.
  Val decode(Emitter &e, const GroupReader &ref, int64_t) const override {
    Val bits =
        e.bitcast(ref.halves(e, Of::Group, 0), e.vec(ref.lanes, e.i16()));
    Val words = e.shiftLeft(e.convert(bits, e.i32(), /*isUnsigned=*/true), 16);
    return e.bitcast(words, e.vec(ref.lanes, e.f32()));
  }
};

struct F32Codec : Codec {
  int64_t blockColumns() const override { return 1; }
  int64_t panelBytes() const override { return 64; }
  int64_t columnBytes() const override { return 64; }
  int64_t operations() const override { return 0; }
  Val decode(Emitter &e, const GroupReader &ref, int64_t) const override {
    return e.bitcast(ref.words(e, 0), e.vec(ref.lanes, e.f32()));
  }
};

} // namespace

const Codec *kernels::findCodec(Type elementType) {
  static const Q4_0Codec q4_0;
  static const Q4_1Codec q4_1;
  static const Q5_0Codec q5_0;
  static const Q8_0Codec q8_0;
  static const Q4_KCodec q4_k;
  static const Q6_KCodec q6_k;
  static const F16Codec f16;
  static const BF16Codec bf16;
  static const F32Codec f32;
  if (elementType.isF16())
    return &f16;
  if (elementType.isBF16())
    return &bf16;
  if (elementType.isF32())
    return &f32;
  return TypeSwitch<Type, const Codec *>(elementType)
      .Case<tok::Q4_0Type>([](auto) { return &q4_0; })
      .Case<tok::Q4_1Type>([](auto) { return &q4_1; })
      .Case<tok::Q5_0Type>([](auto) { return &q5_0; })
      .Case<tok::Q8_0Type>([](auto) { return &q8_0; })
      .Case<tok::Q4_KType>([](auto) { return &q4_k; })
      .Case<tok::Q6_KType>([](auto) { return &q6_k; })
      .Default([](Type) { return nullptr; });
}

int64_t kernels::getPackedBytes(RankedTensorType type) {
  if (type.getRank() == 1)
    return llvm::alignTo(4 * llvm::alignTo(type.getDimSize(0), 16), 64);
  const Codec *codec = findCodec(type.getElementType());
  int64_t panels = llvm::divideCeil(type.getDimSize(0), kPanelRows);
  return llvm::alignTo(panels * (type.getDimSize(1) / codec->blockColumns()) *
                           codec->panelBytes(),
                       64);
}
