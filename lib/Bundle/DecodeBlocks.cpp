//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The values of a block. The layouts are those that Panels.cpp describes; here
// each weight is looked at alone.
//
//===----------------------------------------------------------------------===//

#include "Blocks.h"

#include "llvm/ADT/bit.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/ErrorHandling.h"
#include <cmath>

using namespace tokopt;
using llvm::support::endian::read16le;
using llvm::support::endian::read32le;

float tokopt::widenHalf(uint16_t bits) {
  int exponent = bits >> 10 & 31, fraction = bits & 1023;
  uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  if (exponent == 31) // infinite, or a NaN, which becomes a quiet one
    return llvm::bit_cast<float>(sign | 0x7f800000 | fraction << 13 |
                                 (fraction ? 0x00400000 : 0));
  // A denormal has no hidden one: the integer times 2^-24.
  float magnitude =
      exponent == 0
          ? std::ldexp(static_cast<float>(fraction), -24)
          : llvm::bit_cast<float>((exponent + 112) << 23 | fraction << 13);
  return std::copysign(magnitude, llvm::bit_cast<float>(sign));
}

static float half(const uint8_t *bytes) { return widenHalf(read16le(bytes)); }

static void decodeF32(const uint8_t *block, float *values) {
  *values = llvm::bit_cast<float>(read32le(block));
}

static void decodeF16(const uint8_t *block, float *values) {
  *values = half(block);
}

/// The upper half of an f32.
static void decodeBF16(const uint8_t *block, float *values) {
  *values = llvm::bit_cast<float>(uint32_t(read16le(block)) << 16);
}

/// Block: d, 16 bytes of nibbles. d * (q - 8).
static void decodeQ4_0(const uint8_t *block, float *values) {
  float d = half(block);
  for (int i = 0; i < 16; ++i) {
    values[i] = d * static_cast<float>((block[2 + i] & 15) - 8);
    values[i + 16] = d * static_cast<float>((block[2 + i] >> 4) - 8);
  }
}

/// Block: d, m, 16 bytes of nibbles. d * q + m.
static void decodeQ4_1(const uint8_t *block, float *values) {
  float d = half(block), m = half(block + 2);
  for (int i = 0; i < 16; ++i) {
    values[i] = d * static_cast<float>(block[4 + i] & 15) + m;
    values[i + 16] = d * static_cast<float>(block[4 + i] >> 4) + m;
  }
}

/// Block: d, 32 fifth bits, 16 bytes of nibbles. d * (q - 16).
static void decodeQ5_0(const uint8_t *block, float *values) {
  float d = half(block);
  uint32_t fifth = read32le(block + 2);
  for (int i = 0; i < 16; ++i) {
    int low = (block[6 + i] & 15) | (fifth >> i & 1) << 4;
    int high = block[6 + i] >> 4 | (fifth >> (i + 16) & 1) << 4;
    values[i] = d * static_cast<float>(low - 16);
    values[i + 16] = d * static_cast<float>(high - 16);
  }
}

/// Block: d, 32 signed bytes. d * q.
static void decodeQ8_0(const uint8_t *block, float *values) {
  float d = half(block);
  for (int i = 0; i < 32; ++i)
    values[i] = d * static_cast<float>(static_cast<int8_t>(block[2 + i]));
}

/// Block: d, dmin, 12 bytes of six-bit scales and minima, 128 bytes of nibbles.
/// d * scale * q - dmin * minimum, with a scale and a minimum for 32 values.
static void decodeQ4_K(const uint8_t *block, float *values) {
  float d = half(block), dmin = half(block + 2);
  const uint8_t *packed = block + 4;
  for (int sub = 0; sub < 8; ++sub) {
    int scale = packed[sub] & 63, minimum = packed[sub + 4] & 63;
    if (sub >= 4) {
      scale = (packed[sub + 4] & 15) | packed[sub - 4] >> 6 << 4;
      minimum = packed[sub + 4] >> 4 | packed[sub] >> 6 << 4;
    }
    const uint8_t *nibbles = block + 16 + sub / 2 * 32;
    for (int i = 0; i < 32; ++i) {
      int q = sub % 2 ? nibbles[i] >> 4 : nibbles[i] & 15;
      values[sub * 32 + i] =
          d * static_cast<float>(scale) * static_cast<float>(q) -
          dmin * static_cast<float>(minimum);
    }
  }
}

/// Block: 128 bytes of nibbles, 64 bytes of pairs of bits, 16 signed scales, d.
/// d * scale * (q - 32), with a scale for 16 values.
static void decodeQ6_K(const uint8_t *block, float *values) {
  float d = half(block + 208);
  for (int i = 0; i < 256; ++i) {
    int part = i / 128, quarter = i / 32 % 4, column = i % 32;
    uint8_t low = block[part * 64 + quarter % 2 * 32 + column];
    int q = quarter < 2 ? low & 15 : low >> 4;
    q |= (block[128 + part * 32 + column] >> (2 * quarter) & 3) << 4;
    auto scale = static_cast<int8_t>(block[192 + i / 16]);
    values[i] = d * static_cast<float>(scale) * static_cast<float>(q - 32);
  }
}

DecodeBlock tokopt::getDecodeBlock(Format format) {
  switch (format) {
  case Format::F32:
    return decodeF32;
  case Format::F16:
    return decodeF16;
  case Format::BF16:
    return decodeBF16;
  case Format::Q4_0:
    return decodeQ4_0;
  case Format::Q4_1:
    return decodeQ4_1;
  case Format::Q5_0:
    return decodeQ5_0;
  case Format::Q8_0:
    return decodeQ8_0;
  case Format::Q4_K:
    return decodeQ4_K;
  case Format::Q6_K:
    return decodeQ6_K;
  }
  llvm_unreachable("unknown format");
}
