//===- Linear.cpp - Cases of linears --------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/tokopt-cases/Sketch.h"

#include <cmath>
#include <memory>

using namespace tokopt;
using namespace cases;

namespace {

/// Rows of a panel of weights (docs/bundle.md, R16K4).
constexpr int64_t kPanel = 16;

/// A number that a matrix holds, and the magnitudes that it is the sum of.
struct Weight {
  double value, magnitude;
};

/// How 16 rows of a matrix lie in memory: blocks of columns, one behind the
/// other.
struct PanelFormat {
  const char *type; // as the dialect writes it
  int64_t columns, bytes;
  /// The random numbers of a block that begins at a byte.
  void (*fill)(uint64_t at, std::vector<Part> &parts);
  /// The weight of a row and a column of the block that begins at a byte.
  Weight (*get)(const Contents::View &panels, uint64_t at, int64_t row,
                int64_t column);
};

// q4_k: 16 scales d and 16 offsets dmin, then for each of 8 sub-blocks of 32
// columns four lines of nibbles, 16 scales and 16 minima.
constexpr int64_t kHeadBytes = 64, kNibbleBytes = 256, kSubBytes = 288;

const PanelFormat kQ4_K = {
    "!tok.q4_k", 256, kHeadBytes + 8 * kSubBytes,
    [](uint64_t at, std::vector<Part> &parts) {
      parts.push_back({at, kHeadBytes, Element::F16, -4});
      for (int64_t sub = 0; sub < 8; ++sub) {
        uint64_t begin = at + kHeadBytes + sub * kSubBytes;
        parts.push_back({begin, kNibbleBytes, Element::I8, 0});
        parts.push_back({begin + kNibbleBytes, 32, Element::U6, 0});
      }
    },
    [](const Contents::View &panels, uint64_t at, int64_t row,
       int64_t column) -> Weight {
      uint64_t sub = at + kHeadBytes + column / 32 * kSubBytes;
      // A byte holds columns k and k + 16 of a row; four of them a word.
      int64_t k = column % 16;
      auto pair = static_cast<uint8_t>(static_cast<int>(
          panels.get(sub + k / 4 * 64 + row * 4 + k % 4, Element::I8)));
      int q = column % 32 < 16 ? pair & 15 : pair >> 4;
      double scaled = panels.get(at + 2 * row, Element::F16) *
                      panels.get(sub + kNibbleBytes + row, Element::U6) * q;
      double offset = panels.get(at + 32 + 2 * row, Element::F16) *
                      panels.get(sub + kNibbleBytes + 16 + row, Element::U6);
      return {scaled - offset, std::fabs(scaled) + std::fabs(offset)};
    }};

const PanelFormat kF16 = {"f16", 1, 2 * kPanel,
                          [](uint64_t at, std::vector<Part> &parts) {
                            parts.push_back({at, 2 * kPanel, Element::F16, 0});
                          },
                          [](const Contents::View &panels, uint64_t at,
                             int64_t row, int64_t) -> Weight {
                            double value =
                                panels.get(at + 2 * row, Element::F16);
                            return {value, std::fabs(value)};
                          }};

struct Linear {
  std::string name;
  const PanelFormat &format;
  int64_t rows, outputs, columns;
  /// The first of 16 outputs that are compared; all where there are none.
  std::vector<int64_t> compared = {};
  std::string title = "";
};

std::string moduleOf(const Linear &linear) {
  std::string n = std::to_string(linear.outputs),
              k = std::to_string(linear.columns);
  std::string in = "memref<?x" + k + "xf16>", out = "memref<?x" + n + "xf32>";
  return "tok.weight @w : tensor<" + n + "x" + k + "x" + linear.format.type +
         "> = source \"weights\" at [0]\nfunc.func @f(%x: " + in +
         ", %y: " + out +
         ", %b: index, %e: index) {\n"
         "tok.kernel \"linear\" rows(%b to %e) weights [@w] ins(%x : " +
         in + ") outs(%y : " + out + ") {matrices = 1, inputs = " + k +
         ", outputs = " + n + ", compute = \"f16\"}\nreturn\n}\n";
}

void add(std::vector<Sketch> &sketches, Linear linear) {
  if (linear.compared.empty())
    for (int64_t n = 0; n < linear.outputs; n += kPanel)
      linear.compared.push_back(n);
  const PanelFormat &format = linear.format;
  uint64_t inBytes = rowBytesOf(linear.columns, Element::F16),
           outBytes = rowBytesOf(linear.outputs, Element::F32);
  int64_t blocks = linear.columns / format.columns;
  Sketch sketch;
  sketch.module = moduleOf(linear);
  sketch.rows = linear.rows;
  Case &given = sketch.given;
  given.name = linear.name;
  given.isTimed = !linear.title.empty();
  given.isSmall = !given.isTimed;
  Buffer w, x, y;
  w.name = "w";
  w.bytes = linear.outputs / kPanel * blocks * format.bytes;
  // A prime number of blocks, so that panels and neighbours differ.
  constexpr int64_t kBlocks = 61;
  w.period = kBlocks * format.bytes;
  for (int64_t block = 0; block < kBlocks; ++block)
    format.fill(block * format.bytes, w.parts);
  x.name = "x";
  x.bytes = linear.rows * inBytes;
  x.parts.push_back({0, x.bytes, Element::F16, 1});
  y.name = "y";
  y.bytes = linear.rows * outBytes;
  given.buffers = {w, x, y};
  // No frame and no layer.
  given.arguments = {{"", 0}, {"", 0},  {"", uint64_t(linear.rows)},
                     {"", 0}, {"w", 0}, {"x", 0},
                     {"y", 0}};
  for (int64_t row = 0; row < linear.rows; ++row)
    for (int64_t n : linear.compared)
      given.checks.push_back(
          {"y", row * outBytes + 4 * n, Element::F32, kPanel});
  given.timing.bytes = w.bytes + x.bytes + y.bytes;
  given.timing.title = linear.title;
  // The contract of docs/kernels.md: roundings of 32 columns and of what comes
  // after, each by the magnitudes.
  double unit = std::ldexp(3.0 * linear.columns / 32 + 12, -24);
  sketch.reference = [=, &format](const Contents &contents) {
    Contents::View panels = contents["w"], in = contents["x"];
    std::vector<ExpectedNumber> expected;
    for (int64_t row = 0; row < linear.rows; ++row)
      for (int64_t first : linear.compared)
        for (int64_t n = first; n < first + kPanel; ++n) {
          double sum = 0, magnitudes = 0;
          for (int64_t k = 0; k < linear.columns; ++k) {
            uint64_t at =
                (n / kPanel * blocks + k / format.columns) * format.bytes;
            Weight weight =
                format.get(panels, at, n % kPanel, k % format.columns);
            double value = in.get(row * inBytes + 2 * k, Element::F16);
            sum += weight.value * value;
            magnitudes += weight.magnitude * std::fabs(value);
          }
          expected.push_back({sum, unit * magnitudes});
        }
    return expected;
  };
  sketches.push_back(std::move(sketch));
}

} // namespace

void tokopt::addLinear(std::vector<Sketch> &sketches) {
  add(sketches, {"linear-q4_k", kQ4_K, 5, 80, 512});
  add(sketches, {"linear-f16", kF16, 70, 48, 128});
  add(sketches, {"linear-8192",
                 kQ4_K,
                 1,
                 8192,
                 8192,
                 {0, 16, 4080, 8176},
                 "packed linear q4_k, one row, 8192^2"});
}
