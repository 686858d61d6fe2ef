//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/lib/Kernels/CudaRounded.h"

#include <algorithm>
#include <cstring>

using namespace tokopt;
using namespace tokopt::test;

/// The region is the one that lowering makes of `tok.gated`
/// (lib/Lower/Gate.cpp).
std::string Gate::module() const {
  auto memref = [&](int64_t n, const std::string &element) {
    return "memref<?x" + std::to_string(n) + "x" + element + ">";
  };
  std::string x = memref(columns, in), y = memref(columns, out),
              q = memref((columns * 3 / 2 + 63) / 64 * 64, "i8");
  bool isSilu = activation == std::string("silu");
  std::string exponent = isSilu ? "%e = arith.negf %g : f32\n" : R"mlir(
    %square = arith.mulf %g, %g : f32
    %cubic = arith.constant 0.044715 : f32
    %inner = math.fma %square, %cubic, %one : f32
    %bent = arith.mulf %g, %inner : f32
    %factor = arith.constant -1.5957691216057308 : f32
    %e = arith.mulf %bent, %factor : f32
)mlir";
  std::string count = std::to_string(columns), weight, factor, value = "%o";
  if (isScaled) {
    weight = "tok.weight @w : tensor<" + count +
             "xf32> = source \"weights\" at [0]\n";
    factor = "%v = arith.mulf %o, %w : f32\n";
    value = "%v";
  }
  return weight + "func.func @f(%a: " + x + ", %b: " + x + ", %y: " + y +
         ", %q: " + q + ", %begin: index, %end: index) {\n" +
         "tok.kernel \"rowwise\" rows(%begin to %end) " +
         (isScaled ? "weights [@w] " : "") + "ins(%a, %b : " + x + ", " + x +
         ") outs(%y" + (isRounded ? ", %q : " : " : ") + y +
         (isRounded ? ", " + q : "") + ") {columns = " + count +
         "} prologue {\n^bb0(%g: f32, %u: f32" + (isScaled ? ", %w: f32" : "") +
         "):\n%one = arith.constant 1.0 : f32\n" + exponent + R"mlir(
    %p = math.exp %e fastmath<nnan,ninf> : f32
    %d = arith.addf %p, %one : f32
    %act = arith.divf %g, %d : f32
    %o = arith.mulf %act, %u : f32
)mlir" + factor +
         "tok.yield " + value +
         (isRounded ? ", " + value + " : f32, f32" : " : f32") +
         "\n}\nreturn\n}\n";
}

double Gate::exponent(double gate) const {
  if (activation == std::string("silu"))
    return -gate;
  return -2 * std::sqrt(2 / M_PI) * (gate + 0.044715 * gate * gate * gate);
}

RoundedRows::RoundedRows(sim::Simulator &simulator, const char *name,
                         int64_t rows, int64_t columns)
    : columns(columns), rowBytes((columns * 3 / 2 + 63) / 64 * 64),
      data(llvm::cantFail(
          simulator.addBuffer(name, rows * rowBytes, /*isWritten=*/false))) {}

bool RoundedRows::isUntouched(int64_t row) const {
  const uint8_t *bytes = data + row * rowBytes;
  return std::all_of(bytes, bytes + rowBytes,
                     [](uint8_t byte) { return byte == 0xff; });
}

std::string
RoundedRows::findDifference(int64_t row,
                            const std::vector<float> &numbers) const {
  // Bytes, then of each 32 of them a scale, then the scale times their sum,
  // then the sums of each 16.
  int64_t blocks = columns / 32;
  std::vector<uint8_t> wanted;
  auto append = [&](const auto &values) {
    const auto *bytes = reinterpret_cast<const uint8_t *>(values.data());
    wanted.insert(wanted.end(), bytes,
                  bytes + values.size() * sizeof values[0]);
  };
  std::vector<int8_t> rounded;
  std::vector<float> scales, scaledSums;
  std::vector<int32_t> sums(2 * blocks);
  for (int64_t b = 0; b < blocks; ++b) {
    float largest = 0;
    for (int64_t i = 0; i < 32; ++i)
      largest = std::max(largest, std::fabs(numbers[32 * b + i]));
    float inverse = largest > 0 ? 127 / largest : 0;
    for (int64_t i = 0; i < 32; ++i) {
      float scaled = numbers[32 * b + i] * inverse;
      rounded.push_back(static_cast<int8_t>(std::nearbyint(scaled)));
      sums[2 * b + i / 16] += rounded.back();
    }
    scales.push_back(largest / 127);
    scaledSums.push_back(scales[b] *
                         static_cast<float>(sums[2 * b] + sums[2 * b + 1]));
  }
  append(rounded);
  append(scales);
  append(scaledSums);
  append(sums);
  auto [found, want] =
      std::mismatch(data + row * rowBytes,
                    data + row * rowBytes + wanted.size(), wanted.begin());
  if (want == wanted.end())
    return "";
  return "row " + std::to_string(row) + ", byte " +
         std::to_string(want - wanted.begin()) + " of a rounded row of " +
         std::to_string(columns) + " columns is " + std::to_string(*found) +
         ", but should be " + std::to_string(*want);
}
