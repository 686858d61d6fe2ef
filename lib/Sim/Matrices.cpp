//===- Matrices.cpp - Matrices that a warp holds together -----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which lane holds which element: PTX ISA, "Matrix Fragments for mma.m16n8k16",
// and "ldmatrix". With g = lane / 4 and t = lane % 4, a register of two
// elements holds, of an 8 x 8 matrix, columns 2t and 2t + 1 of row g.
//
//===----------------------------------------------------------------------===//

#include "lib/Sim/Machine.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/bit.h"

#include <cmath>
#include <cstring>

using namespace llvm;
using namespace tokopt::sim;

/// Rows, and columns, of the matrices that ldmatrix loads.
static constexpr uint32_t kRows = 8;

void Machine::loadMatrices(uint32_t warp, const Operation &operation) {
  const Thread *lanes = &threads[warp * kWarpThreads];
  for (uint32_t lane = 0; lane < kWarpThreads; ++lane)
    for (uint32_t matrix = 0; matrix < operation.detail; ++matrix) {
      uint16_t pair[2];
      for (uint32_t i = 0; i < 2; ++i) {
        uint32_t row = lane / 4, column = lane % 4 * 2 + i;
        if (operation.isTransposed)
          std::swap(row, column);
        uint64_t address =
            lanes[matrix * kRows + row].operands[0] + column * sizeof pair[0];
        std::memcpy(&pair[i], reinterpret_cast<void *>(address),
                    sizeof pair[0]);
      }
      std::memcpy(static_cast<char *>(lanes[lane].result) + 4 * matrix, pair,
                  sizeof pair);
    }
}

static float bfloatToFloat(uint16_t bits) {
  return bit_cast<float>(uint32_t(bits) << 16);
}

static float halfToFloat(uint16_t bits) {
  // The fields of an f32 are wider, and its exponent has a bias of 112 more.
  uint32_t exponent = bits >> 10 & 31, fraction = bits & 1023;
  float magnitude =
      bit_cast<float>((exponent << 10 | fraction) << 13) * 0x1p112f;
  if (exponent == 31)
    magnitude = fraction ? NAN : INFINITY;
  return bits >> 15 ? -magnitude : magnitude;
}

float tokopt::sim::toFloat(uint16_t bits, bool isBrain) {
  return isBrain ? bfloatToFloat(bits) : halfToFloat(bits);
}

static uint16_t roundNumber(float value, bool isBrain) {
  APFloat number(value);
  bool loses;
  number.convert(isBrain ? APFloat::BFloat() : APFloat::IEEEhalf(),
                 APFloat::rmNearestTiesToEven, &loses);
  return static_cast<uint16_t>(number.bitcastToAPInt().getZExtValue());
}

/// The first operand becomes the upper half (PTX ISA, "cvt").
void Machine::packPair(const uint64_t *operands, void *result,
                       const Operation &operation) {
  uint16_t halves[2];
  for (uint32_t i = 0; i < 2; ++i) {
    float value;
    std::memcpy(&value, &operands[1 - i], sizeof value);
    halves[i] = roundNumber(value, operation.detail);
  }
  std::memcpy(result, halves, sizeof halves);
}

/// D = A B + C for A of 16 x 16, B of 16 x 8. The order in which the GPU sums
/// is not documented; here the sum is exact and rounded once.
void Machine::multiplyMatrices(uint32_t warp, const Operation &operation) {
  const Thread *lanes = &threads[warp * kWarpThreads];
  auto number = [&](uint64_t word, uint32_t half) {
    return toFloat(static_cast<uint16_t>(word >> 16 * half), operation.detail);
  };
  float a[16][16], b[16][8];
  for (uint32_t lane = 0; lane < kWarpThreads; ++lane) {
    const uint64_t *words = lanes[lane].operands;
    uint32_t g = lane / 4, t = lane % 4;
    for (uint32_t i = 0; i < 2; ++i) {
      for (uint32_t r = 0; r < 4; ++r)
        a[g + r % 2 * 8][2 * t + i + r / 2 * 8] = number(words[r], i);
      for (uint32_t r = 0; r < 2; ++r)
        b[2 * t + i + r * 8][g] = number(words[4 + r], i);
    }
  }
  for (uint32_t lane = 0; lane < kWarpThreads; ++lane) {
    float results[4];
    for (uint32_t r = 0; r < 4; ++r) {
      uint32_t row = lane / 4 + r / 2 * 8, column = lane % 4 * 2 + r % 2;
      float c;
      std::memcpy(&c, &lanes[lane].operands[6 + r], sizeof c);
      double sum = c;
      for (uint32_t k = 0; k < 16; ++k)
        sum += double(a[row][k]) * b[k][column];
      results[r] = static_cast<float>(sum);
    }
    std::memcpy(lanes[lane].result, results, sizeof results);
  }
}
