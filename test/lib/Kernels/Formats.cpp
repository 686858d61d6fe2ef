//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/lib/Kernels/Formats.h"

#include <cmath>
#include <cstring>

using namespace tokopt::test;

double tokopt::test::halfToDouble(uint16_t bits) {
  int exponent = bits >> 10 & 31, fraction = bits & 1023;
  double magnitude = exponent == 31 ? (fraction ? NAN : INFINITY)
                     : exponent     ? std::ldexp(1024 + fraction, exponent - 25)
                                    : std::ldexp(fraction, -24);
  return bits & 0x8000 ? -magnitude : magnitude;
}

uint16_t tokopt::test::doubleToHalf(double value) {
  // The nearest of all halves, the even one among equals.
  uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  double magnitude = std::fabs(value);
  if (magnitude >= 65520)
    return sign | 0x7C00;
  int exponent = std::max(-14, magnitude == 0 ? -14 : std::ilogb(magnitude));
  double quantum = std::ldexp(1, exponent - 10);
  double steps = std::nearbyint(magnitude / quantum); // to even by default
  int64_t units =
      static_cast<int64_t>(steps) + (static_cast<int64_t>(exponent + 14) << 10);
  return sign | static_cast<uint16_t>(units);
}

static double half(const uint8_t *bytes) {
  return halfToDouble(bytes[0] | bytes[1] << 8);
}
static int low(uint8_t byte) { return byte & 15; }
static int high(uint8_t byte) { return byte >> 4; }
/// Nibbles of 16 bytes: 16 low ones, then 16 high ones.
static int nibble(const uint8_t *bytes, int64_t k) {
  return k < 16 ? low(bytes[k]) : high(bytes[k - 16]);
}

/// One product of exact factors.
static Decoded product(double value) { return {value, std::fabs(value)}; }

static Decoded decodeQ4_0(const uint8_t *b, int64_t k) {
  return product(half(b) * (nibble(b + 2, k) - 8));
}

static Decoded decodeQ4_1(const uint8_t *b, int64_t k) {
  double a = half(b) * nibble(b + 4, k), m = half(b + 2);
  return {a + m, std::fabs(a) + std::fabs(m)};
}

static Decoded decodeQ5_0(const uint8_t *b, int64_t k) {
  uint32_t bits;
  std::memcpy(&bits, b + 2, 4);
  int q = nibble(b + 6, k) + 16 * (bits >> k & 1);
  return product(half(b) * (q - 16));
}

static Decoded decodeQ8_0(const uint8_t *b, int64_t k) {
  return product(half(b) * static_cast<int8_t>(b[2 + k]));
}

/// d, dmin, twelve bytes of eight pairs of 6-bit scale and minimum, 128 bytes
/// of nibbles.
static Decoded decodeQ4_K(const uint8_t *b, int64_t k) {
  int64_t j = k / 32;
  const uint8_t *s = b + 4;
  int scale = j < 4 ? s[j] & 63 : (s[j + 4] & 15) + 16 * (s[j - 4] >> 6);
  int minimum = j < 4 ? s[j + 4] & 63 : (s[j + 4] >> 4) + 16 * (s[j] >> 6);
  // Two runs of 32 share 32 bytes: the first has the low nibbles.
  uint8_t byte = b[16 + j / 2 * 32 + k % 32];
  int q = j % 2 ? high(byte) : low(byte);
  double a = half(b) * scale * q, m = half(b + 2) * minimum;
  return {a - m, std::fabs(a) + std::fabs(m)};
}

/// 128 bytes of low nibbles, 64 of high bits, 16 scales, d. Halves of 128
/// values; in each, four runs of 32.
static Decoded decodeQ6_K(const uint8_t *b, int64_t k) {
  int64_t part = k / 128, run = k % 128 / 32, l = k % 32;
  uint8_t byte = b[64 * part + 32 * (run % 2) + l];
  int q = (run < 2 ? low(byte) : high(byte)) +
          16 * (b[128 + 32 * part + l] >> 2 * run & 3);
  int scale = static_cast<int8_t>(b[192 + k / 16]);
  return product(half(b + 208) * scale * (q - 32));
}

static Decoded decodeF16(const uint8_t *b, int64_t) { return product(half(b)); }

static float brain(const uint8_t *b) {
  uint32_t bits = uint32_t(b[0]) << 16 | uint32_t(b[1]) << 24;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

static Decoded decodeBF16(const uint8_t *b, int64_t) {
  return product(brain(b));
}

static Decoded decodeF32(const uint8_t *b, int64_t) {
  float value;
  std::memcpy(&value, b, 4);
  return product(value);
}

const std::vector<BlockFormat> &tokopt::test::getBlockFormats() {
  static const std::vector<BlockFormat> formats = {
      {"!tok.q4_0", "q4_0", 32, 18, decodeQ4_0, {0}},
      {"!tok.q4_1", "q4_1", 32, 20, decodeQ4_1, {0, 2}},
      {"!tok.q5_0", "q5_0", 32, 22, decodeQ5_0, {0}},
      {"!tok.q8_0", "q8_0", 32, 34, decodeQ8_0, {0}},
      {"!tok.q4_k", "q4_k", 256, 144, decodeQ4_K, {0, 2}},
      {"!tok.q6_k", "q6_k", 256, 210, decodeQ6_K, {208}},
      {"f16", "f16", 1, 2, decodeF16, {0}},
      {"bf16", "bf16", 1, 2, decodeBF16, {}},
      {"f32", "f32", 1, 4, decodeF32, {}}};
  return formats;
}

Matrix tokopt::test::makeMatrix(const BlockFormat &format, int64_t rows,
                                int64_t columns,
                                std::function<uint32_t()> random) {
  Matrix matrix(format, rows, columns);
  auto number = [&] {
    return (static_cast<int32_t>(random() % 2001) - 1000) / 1000.0;
  };
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t block = 0; block < columns / format.block; ++block) {
      uint8_t *bytes = matrix.getBlock(row, block);
      for (int64_t i = 0; i < format.bytes; ++i)
        bytes[i] = random();
      for (int64_t place : format.halves) {
        uint16_t bits = doubleToHalf(random() % 8 ? number() / 16 : 0);
        std::memcpy(bytes + place, &bits, 2);
      }
      if (std::string(format.name) == "f32") {
        float value = number();
        std::memcpy(bytes, &value, 4);
      }
      if (std::string(format.name) == "bf16") {
        float value = number();
        uint32_t bits;
        std::memcpy(&bits, &value, 4);
        bytes[0] = bits >> 16;
        bytes[1] = bits >> 24;
      }
    }
  return matrix;
}

std::string tokopt::test::typeOf(const Matrix &matrix) {
  return "tensor<" + std::to_string(matrix.rows) + "x" +
         std::to_string(matrix.columns) + "x" + matrix.format.type + ">";
}
