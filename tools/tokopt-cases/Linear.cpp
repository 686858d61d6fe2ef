//===- Linear.cpp - Cases of linears --------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/tokopt-cases/PanelFormats.h"
#include "tools/tokopt-cases/Sketch.h"

#include <cmath>

using namespace tokopt;
using namespace cases;

namespace {

/// What becomes of the sums of a row: they are the result; silu(first) * second
/// of two matrices; a bias and what was there before are added.
enum class Epilogue { None, Gated, Residual };

struct Linear {
  std::string name;
  std::string format;
  int64_t rows, outputs, columns;
  Epilogue epilogue = Epilogue::None;
  /// Rows, and the first of 16 outputs, that are compared; all where there are
  /// none.
  std::vector<int64_t> comparedRows = {}, compared = {};
  std::string title = "";

  Element input() const {
    return format == "bf16" ? Element::BF16 : Element::F16;
  }
  int64_t matrices() const { return epilogue == Epilogue::Gated ? 2 : 1; }
};

std::string moduleOf(const Linear &linear, const PanelFormat &format) {
  std::string n = std::to_string(linear.outputs),
              k = std::to_string(linear.columns);
  const char *compute = linear.input() == Element::BF16 ? "bf16" : "f16";
  std::string in = "memref<?x" + k + "x" + compute + ">",
              out = "memref<?x" + n + "xf32>";
  auto weight = [&](const std::string &name, const std::string &type) {
    return "tok.weight @" + name + " : tensor<" + type +
           "> = source \"weights\" at [0]\n";
  };
  std::string matrix = n + "x" + k + "x" + format.type;
  std::string text = weight("w0", matrix), weights = "@w0",
              inputs = "%x : " + in, arguments = "%x: " + in, epilogue;
  if (linear.epilogue == Epilogue::Gated) {
    text += weight("w1", matrix);
    weights += ", @w1";
    epilogue = R"mlir( epilogue {
^bb0(%g: f32, %u: f32):
  %one = arith.constant 1.0 : f32
  %n = arith.negf %g : f32
  %p = math.exp %n fastmath<nnan,ninf> : f32
  %q = arith.addf %p, %one : f32
  %s = arith.divf %g, %q : f32
  %v = arith.mulf %s, %u : f32
  tok.yield %v : f32
})mlir";
  }
  if (linear.epilogue == Epilogue::Residual) {
    text += weight("bias", n + "xf32");
    weights += ", @bias";
    inputs = "%x, %r : " + in + ", " + out;
    arguments += ", %r: " + out;
    epilogue = R"mlir( epilogue {
^bb0(%s: f32, %c: f32, %t: f32):
  %u = arith.addf %s, %c : f32
  %v = arith.addf %t, %u : f32
  tok.yield %v : f32
})mlir";
  }
  return text + "func.func @f(" + arguments + ", %y: " + out +
         ", %b: index, %e: index) {\ntok.kernel \"linear\" rows(%b to %e) "
         "weights [" +
         weights + "] ins(" + inputs + ") outs(%y : " + out +
         ") {matrices = " + std::to_string(linear.matrices()) +
         ", inputs = " + k + ", outputs = " + n + ", compute = \"" + compute +
         "\"}" + epilogue + "\nreturn\n}\n";
}

/// A buffer of numbers, whose rows repeat after a prime number of them.
Buffer numbers(const char *name, uint64_t rows, uint64_t rowBytes,
               Element element, int exponent) {
  Buffer buffer;
  buffer.name = name;
  buffer.bytes = rows * rowBytes;
  buffer.period = std::min<uint64_t>(rows, 1021) * rowBytes;
  buffer.parts.push_back({0, buffer.period, element, exponent});
  return buffer;
}

/// The panels of a matrix, whose blocks repeat after a prime number of them, so
/// that panels and neighbours differ.
Buffer panels(const std::string &name, const PanelFormat &format,
              int64_t blocks) {
  constexpr int64_t kBlocks = 61;
  Buffer buffer;
  buffer.name = name;
  buffer.bytes = blocks * format.bytes;
  buffer.period = kBlocks * format.bytes;
  for (int64_t block = 0; block < kBlocks; ++block)
    format.fill(block * format.bytes, buffer.parts);
  return buffer;
}

/// What an output must be.
class Reference {
public:
  Reference(const Linear &linear, const PanelFormat &format,
            const Contents &contents)
      : linear(linear), format(format), contents(contents),
        // The contract of docs/kernels.md: roundings of 32 columns and of what
        // comes after, each by the magnitudes.
        unit(std::ldexp(3.0 * linear.columns / 32 + 12, -24)) {}

  ExpectedNumber operator()(int64_t row, int64_t output) const {
    auto [value, error] = sum("w0", row, output);
    if (linear.epilogue == Epilogue::Gated) {
      auto [other, otherError] = sum("w1", row, output);
      // No activation is steeper than 1.1.
      double gate = value / (1 + std::exp(-value));
      return {gate * other, 1.1 * error * std::fabs(other) +
                                otherError * std::fabs(gate) +
                                1e-6 * std::fabs(gate * other)};
    }
    if (linear.epilogue == Epilogue::Residual) {
      uint64_t rowBytes = rowBytesOf(linear.outputs, Element::F32);
      double bias = contents["bias"].get(4 * output, Element::F32),
             before =
                 contents["r"].get(row * rowBytes + 4 * output, Element::F32);
      return {value + bias + before,
              error + unit * (std::fabs(bias) + std::fabs(before))};
    }
    return {value, error};
  }

private:
  /// A row times an output's weights, and what it may be off.
  ExpectedNumber sum(const char *matrix, int64_t row, int64_t output) const {
    Contents::View weights = contents[matrix], in = contents["x"];
    int64_t blocks = linear.columns / format.columns;
    uint64_t rowBytes = rowBytesOf(linear.columns, linear.input());
    double sum = 0, magnitudes = 0;
    for (int64_t k = 0; k < linear.columns; ++k) {
      uint64_t at =
          (output / kPanel * blocks + k / format.columns) * format.bytes;
      Weight weight =
          format.get(weights, at, output % kPanel, k % format.columns);
      double value = in.get(row * rowBytes + 2 * k, linear.input());
      sum += weight.value * value;
      magnitudes += weight.magnitude * std::fabs(value);
    }
    return {sum, unit * magnitudes};
  }

  const Linear &linear;
  const PanelFormat &format;
  const Contents &contents;
  const double unit;
};

void add(std::vector<Sketch> &sketches, Linear linear) {
  if (linear.compared.empty())
    for (int64_t n = 0; n < linear.outputs; n += kPanel)
      linear.compared.push_back(n);
  if (linear.comparedRows.empty())
    for (int64_t row = 0; row < linear.rows; ++row)
      linear.comparedRows.push_back(row);
  const PanelFormat &format = findPanelFormat(linear.format);
  Sketch sketch;
  sketch.module = moduleOf(linear, format);
  sketch.rows = linear.rows;
  Case &given = sketch.given;
  given.name = linear.name;
  given.isTimed = !linear.title.empty();
  given.isSmall = !given.isTimed;
  uint64_t outBytes = rowBytesOf(linear.outputs, Element::F32);
  // No frame and no layer.
  given.arguments = {{"", 0}, {"", 0}, {"", uint64_t(linear.rows)}, {"", 0}};
  auto take = [&](Buffer buffer) {
    given.arguments.push_back({buffer.name, 0});
    given.buffers.push_back(std::move(buffer));
  };
  int64_t blocks = linear.outputs / kPanel * (linear.columns / format.columns);
  for (int64_t i = 0; i < linear.matrices(); ++i)
    take(panels("w" + std::to_string(i), format, blocks));
  bool isResidual = linear.epilogue == Epilogue::Residual;
  if (isResidual)
    take(numbers("bias", 1, outBytes, Element::F32, 0));
  take(numbers("x", linear.rows, rowBytesOf(linear.columns, linear.input()),
               linear.input(), 1));
  if (isResidual)
    take(numbers("r", linear.rows, outBytes, Element::F32, 0));
  Buffer y;
  y.name = "y";
  y.bytes = linear.rows * outBytes;
  take(y);
  for (int64_t row : linear.comparedRows)
    for (int64_t n : linear.compared)
      given.checks.push_back(
          {"y", row * outBytes + 4 * n, Element::F32, kPanel});
  for (const Buffer &buffer : given.buffers)
    given.timing.bytes += buffer.bytes;
  // What is bound by products is told by them.
  if (linear.rows > 1)
    given.timing.operations =
        2.0 * linear.rows * linear.outputs * linear.columns * linear.matrices();
  given.timing.title = linear.title;
  sketch.reference = [=, &format](const Contents &contents) {
    Reference reference(linear, format, contents);
    std::vector<ExpectedNumber> expected;
    for (int64_t row : linear.comparedRows)
      for (int64_t first : linear.compared)
        for (int64_t n = first; n < first + kPanel; ++n)
          expected.push_back(reference(row, n));
    return expected;
  };
  sketches.push_back(std::move(sketch));
}

} // namespace

void tokopt::addLinear(std::vector<Sketch> &sketches) {
  // Panels that do not fill a block's last pair, and rows that do not fill a
  // tile.
  for (const PanelFormat &format : getPanelFormats()) {
    bool isPacked = format.columns > 1;
    add(sketches,
        {std::string("linear-") + format.name, format.name, isPacked ? 5 : 70,
         isPacked ? 80 : 48, isPacked ? 512 : 128});
  }
  add(sketches, {"linear-gated-q4_1", "q4_1", 3, 48, 256, Epilogue::Gated});
  add(sketches, {"linear-gated-bf16", "bf16", 20, 48, 128, Epilogue::Gated});
  add(sketches,
      {"linear-residual-q6_k", "q6_k", 2, 64, 256, Epilogue::Residual});
  add(sketches, {"linear-residual-f16", "f16", 33, 80, 64, Epilogue::Residual});
  add(sketches, {"linear-8192",
                 "q4_k",
                 1,
                 8192,
                 8192,
                 Epilogue::None,
                 {},
                 {0, 16, 4080, 8176},
                 "packed linear q4_k, one row, 8192^2"});
  add(sketches, {"linear-bf16-8192",
                 "bf16",
                 8192,
                 8192,
                 8192,
                 Epilogue::None,
                 {0, 127, 128, 8191},
                 {0, 4080, 8176},
                 "linear bf16 (mma.sync), 8192^3"});
}
