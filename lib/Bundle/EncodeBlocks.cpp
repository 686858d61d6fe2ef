//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The nearest numbers of a block: the table of `tok.quantize`, one function a
// format. With x the values, e the first of the largest magnitude and i = 1 / d
// (0 where d is next to nothing):
//
//   q8_0  d = max |x| / 127       q = round(x * i)
//   q4_0  d = e / -8              q = min(15, trunc(x * i + 8.5))
//   q5_0  d = e / -16             q = min(31, trunc(x * i + 16.5))
//   q4_1  d = (max x - m) / 15    q = min(15, trunc((x - m) * i + 0.5)), m =
//   min x
//
// This file is compiled without contraction (CMakeLists.txt): each operation
// rounds by itself, on every machine.
//
//===----------------------------------------------------------------------===//

#include "Blocks.h"

#include "llvm/ADT/bit.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/ErrorHandling.h"
#include <algorithm>
#include <cfloat>
#include <cmath>

using namespace tokopt;
using llvm::support::endian::write16le;
using llvm::support::endian::write32le;

/// Twice the smallest normal number: what rounds to that from below is settled
/// too, and so nothing depends on when the machine flushes.
static constexpr float kSmallest = 0x1p-125f;

float tokopt::settle(float value) {
  return std::fabs(value) < kSmallest ? std::copysign(0.0f, value) : value;
}

static float invert(float scale) {
  return std::fabs(scale) < kSmallest ? 0.0f : 1.0f / scale;
}

uint16_t tokopt::roundToHalf(float value) {
  uint32_t bits = llvm::bit_cast<uint32_t>(value);
  uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude >= 0x7f800000) // infinite, or a NaN, which stays one
    return sign | 0x7c00 | (magnitude > 0x7f800000 ? 0x0200 : 0);
  int exponent = static_cast<int>(magnitude >> 23) - 112;
  if (exponent >= 31)
    return sign | 0x7c00;
  // What is kept are the upper bits of the fraction, fewer for a denormal;
  // rounding up may carry into the exponent, which is right.
  uint32_t fraction = (magnitude & 0x007fffff) | 0x00800000;
  int dropped = exponent > 0 ? 13 : 14 - exponent;
  if (dropped > 24)
    return sign; // below half of the smallest denormal
  uint32_t kept = fraction >> dropped;
  uint32_t rest = fraction & ((1u << dropped) - 1),
           middle = 1u << (dropped - 1);
  kept += rest > middle || (rest == middle && (kept & 1));
  // A normal number's hidden one is worth one exponent.
  if (exponent > 0)
    kept += static_cast<uint32_t>(exponent - 1) << 10;
  return sign | kept;
}

static constexpr int kBlock = 32;

/// Settles the values of a block; false if one is not finite.
static bool settleBlock(const float *values, float *settled) {
  bool finite = true;
  for (int i = 0; i < kBlock; ++i) {
    finite &= std::isfinite(values[i]);
    settled[i] = settle(values[i]);
  }
  return finite;
}

/// Writes an f16; false if it is not finite.
static bool putHalf(float value, uint8_t *out) {
  uint16_t half = roundToHalf(value);
  write16le(out, half);
  return (half & 0x7c00) != 0x7c00;
}

/// Numbers k and k + 16 share byte k.
static void putNibbles(const int *numbers, uint8_t *out) {
  for (int i = 0; i < 16; ++i)
    out[i] =
        static_cast<uint8_t>((numbers[i] & 15) | (numbers[i + 16] & 15) << 4);
}

/// The first value of the largest magnitude, with its sign; zeroes count for
/// nothing.
static float findExtreme(const float *values) {
  float extreme = 0;
  for (int i = 0; i < kBlock; ++i)
    if (std::fabs(values[i]) > std::fabs(extreme))
      extreme = values[i];
  return extreme;
}

static bool encodeF32(const float *values, uint8_t *block) {
  write32le(block, llvm::bit_cast<uint32_t>(*values));
  return true;
}

static bool encodeF16(const float *values, uint8_t *block) {
  return putHalf(*values, block);
}

/// Half to even: what is added carries into the upper half, and from the
/// largest number to an infinity.
static bool encodeBF16(const float *values, uint8_t *block) {
  uint32_t bits = llvm::bit_cast<uint32_t>(settle(*values));
  uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  write16le(block, static_cast<uint16_t>(rounded));
  return std::isfinite(*values) && (rounded & 0x7f80) != 0x7f80;
}

static bool encodeQ8_0(const float *values, uint8_t *block) {
  float x[kBlock];
  if (!settleBlock(values, x))
    return false;
  float d = std::fabs(findExtreme(x)) / 127, i = invert(d);
  if (!putHalf(d, block))
    return false;
  for (int k = 0; k < kBlock; ++k)
    block[2 + k] = static_cast<uint8_t>(static_cast<int>(std::round(x[k] * i)));
  return true;
}

/// The numbers of a format whose zero is at `zero`, half of their count.
static bool encodeAroundZero(const float *values, int zero, uint8_t *scale,
                             int *numbers) {
  float x[kBlock];
  if (!settleBlock(values, x))
    return false;
  float d = findExtreme(x) / static_cast<float>(-zero), i = invert(d);
  float middle = static_cast<float>(zero) + 0.5f;
  for (int k = 0; k < kBlock; ++k)
    numbers[k] = std::min(2 * zero - 1, static_cast<int>(x[k] * i + middle));
  return putHalf(d, scale);
}

static bool encodeQ4_0(const float *values, uint8_t *block) {
  int numbers[kBlock];
  if (!encodeAroundZero(values, 8, block, numbers))
    return false;
  putNibbles(numbers, block + 2);
  return true;
}

static bool encodeQ5_0(const float *values, uint8_t *block) {
  int numbers[kBlock];
  if (!encodeAroundZero(values, 16, block, numbers))
    return false;
  uint32_t fifth = 0;
  for (int k = 0; k < kBlock; ++k)
    fifth |= static_cast<uint32_t>(numbers[k] >> 4) << k;
  write32le(block + 2, fifth);
  putNibbles(numbers, block + 6);
  return true;
}

static bool encodeQ4_1(const float *values, uint8_t *block) {
  float x[kBlock];
  if (!settleBlock(values, x))
    return false;
  float least = FLT_MAX, most = -FLT_MAX;
  for (float value : x) {
    least = value < least ? value : least;
    most = value > most ? value : most;
  }
  float d = (most - least) / 15, i = invert(d);
  if (!putHalf(d, block) || !putHalf(least, block + 2))
    return false;
  int numbers[kBlock];
  for (int k = 0; k < kBlock; ++k)
    numbers[k] =
        std::min(15, static_cast<int>(settle(x[k] - least) * i + 0.5f));
  putNibbles(numbers, block + 4);
  return true;
}

EncodeBlock tokopt::getEncodeBlock(Format format) {
  switch (format) {
  case Format::F32:
    return encodeF32;
  case Format::F16:
    return encodeF16;
  case Format::BF16:
    return encodeBF16;
  case Format::Q4_0:
    return encodeQ4_0;
  case Format::Q4_1:
    return encodeQ4_1;
  case Format::Q5_0:
    return encodeQ5_0;
  case Format::Q8_0:
    return encodeQ8_0;
  case Format::Q4_K:
  case Format::Q6_K:
    return nullptr;
  }
  llvm_unreachable("unknown format");
}
