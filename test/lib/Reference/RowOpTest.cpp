//===- RowOpTest.cpp - Ops on rows, computed ------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each op runs as compiled code and is compared with the formula of its
// description, written in plain C++ in f64.
//
//===----------------------------------------------------------------------===//

#include "ReferenceRun.h"

#include <cmath>
#include <csignal>

using namespace tokopt::test;

namespace {

/// Appends the bytes of `values` at a multiple of 64.
void appendWeight(std::vector<uint8_t> &bytes,
                  const std::vector<float> &values) {
  bytes.resize(llvm::alignTo(bytes.size(), 64));
  const auto *data = reinterpret_cast<const uint8_t *>(values.data());
  bytes.insert(bytes.end(), data, data + values.size() * 4);
}

/// `[rows, columns]` values, their rows `stride` apart.
std::vector<float> spread(const std::vector<float> &values, size_t columns,
                          size_t stride) {
  std::vector<float> out(values.size() / columns * stride, NAN);
  for (size_t i = 0; i < values.size(); ++i)
    out[i / columns * stride + i % columns] = values[i];
  return out;
}

constexpr size_t kRows = 5;

/// A module whose entry maps the frontier `x` to the logits `y`.
std::string makeModule(llvm::StringRef weights, llvm::StringRef in,
                       llvm::StringRef out, llvm::StringRef body) {
  return (weights + R"mlir(
    func.func @step(%pos: !tok.rows<pos, seq> {tok.slot = "rows"},
                    %x: )mlir" +
          in + R"mlir( {tok.slot = "frontier"}) -> ()mlir" + out +
          R"mlir( {tok.slot = "logits"}) {
      %c0 = arith.constant 0 : index
      %n = tensor.dim %x, %c0 : )mlir" +
          in + body + "return %y : " + out + "\n}\n")
      .str();
}

class RowOp : public testing::Test {
protected:
  /// Runs the entry on `x`; gives `[kRows, columns]`.
  std::vector<float> run(ReferenceRun &run, const std::vector<float> &x,
                         size_t inputs, size_t outputs) {
    run.frontier = spread(x, inputs, llvm::alignTo(inputs, 16));
    run.pos = {0, 1, 7, 300, 100000};
    run.seq.assign(kRows, 0);
    run.logits.assign(kRows * run.logitsStride, NAN);
    run.run(kRows, kRows);
    std::vector<float> y;
    for (size_t row = 0; row < kRows; ++row)
      for (size_t i = 0; i < outputs; ++i)
        y.push_back(run.logits[row * run.logitsStride + i]);
    return y;
  }

  void expectClose(const std::vector<float> &found,
                   const std::vector<double> &expected, double bound) {
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < found.size(); ++i)
      ASSERT_NEAR(found[i], expected[i], bound) << "at " << i;
  }
};

TEST_F(RowOp, RmsNorm) {
  ReferenceRun code(makeModule(
      "tok.weight @w layers = [0, 2] : tensor<24xf32> = source \"m\" at [0, "
      "0]\n",
      "tensor<?x24xf32>", "tensor<?x24xf32>",
      "%l = arith.constant 2 : index\n"
      "%y = tok.norm %x, @w[%l] rms eps = 1.0e-3 : tensor<?x24xf32>\n"));
  if (!code.canRun())
    GTEST_SKIP();
  std::vector<float> x = makeValues(kRows * 24, 1), w = makeValues(24, 2);
  appendWeight(code.weights, std::vector<float>(24, NAN)); // layer 0
  appendWeight(code.weights, w);
  std::vector<double> expected;
  for (size_t row = 0; row < kRows; ++row) {
    double sum = 0;
    for (size_t i = 0; i < 24; ++i)
      sum += double(x[row * 24 + i]) * x[row * 24 + i];
    for (size_t i = 0; i < 24; ++i)
      expected.push_back(x[row * 24 + i] / std::sqrt(sum / 24 + 1e-3) * w[i]);
  }
  expectClose(run(code, x, 24, 24), expected, 5e-7);
}

TEST_F(RowOp, LayerNormOfHeads) {
  ReferenceRun code(
      makeModule("tok.weight @w : tensor<8xf32> = source \"m\" at [0]\n"
                 "tok.weight @b : tensor<8xf32> = source \"m\" at [0]\n",
                 "tensor<?x24xf32>", "tensor<?x24xf32>", R"mlir(
      %h = tensor.expand_shape %x [[0], [1, 2]] output_shape [%n, 3, 8]
          : tensor<?x24xf32> into tensor<?x3x8xf32>
      %z = tok.norm %h, @w bias @b layer eps = 1.0e-5 : tensor<?x3x8xf32>
      %y = tensor.collapse_shape %z [[0], [1, 2]]
          : tensor<?x3x8xf32> into tensor<?x24xf32>
      )mlir"));
  if (!code.canRun())
    GTEST_SKIP();
  std::vector<float> x = makeValues(kRows * 24, 1), w = makeValues(8, 2),
                     bias = makeValues(8, 3);
  appendWeight(code.weights, w);
  appendWeight(code.weights, bias);
  std::vector<double> expected;
  for (size_t head = 0; head < kRows * 3; ++head) {
    double mean = 0, square = 0;
    for (size_t i = 0; i < 8; ++i)
      mean += x[head * 8 + i] / 8.0;
    for (size_t i = 0; i < 8; ++i)
      square += std::pow(x[head * 8 + i] - mean, 2) / 8;
    for (size_t i = 0; i < 8; ++i)
      expected.push_back(
          (x[head * 8 + i] - mean) / std::sqrt(square + 1e-5) * w[i] + bias[i]);
  }
  expectClose(run(code, x, 24, 24), expected, 1e-6);
}

// 70 outputs: a panel of 64 and one that overlaps it.
TEST_F(RowOp, LinearWithBias) {
  ReferenceRun code(
      makeModule("tok.weight @w : tensor<70x40xf32> = source \"m\" at [0]\n"
                 "tok.weight @b : tensor<70xf32> = source \"m\" at [0]\n",
                 "tensor<?x40xf32>", "tensor<?x70xf32>",
                 "%y = tok.linear %x, @w bias @b : tensor<?x40xf32> -> "
                 "tensor<?x70xf32>\n"));
  if (!code.canRun())
    GTEST_SKIP();
  std::vector<float> x = makeValues(kRows * 40, 1), w = makeValues(70 * 40, 2),
                     bias = makeValues(70, 3);
  appendWeight(code.weights, w);
  appendWeight(code.weights, bias);
  std::vector<float> found = run(code, x, 40, 70);
  // Bit for bit: k in order, one rounding a step.
  for (size_t row = 0; row < kRows; ++row)
    for (size_t n = 0; n < 70; ++n) {
      float sum = 0;
      for (size_t k = 0; k < 40; ++k)
        sum = std::fma(x[row * 40 + k], w[n * 40 + k], sum);
      ASSERT_EQ(found[row * 70 + n], sum + bias[n]) << row << ", " << n;
    }
}

TEST_F(RowOp, LinearOfRoundedInput) {
  ReferenceRun code(
      makeModule("tok.weight @w : tensor<8x64xf32> = source \"m\" at [0]\n",
                 "tensor<?x64xf32>", "tensor<?x8xf32>",
                 "%y = tok.linear %x, @w compute = <i8, block = 32>"
                 " : tensor<?x64xf32> -> tensor<?x8xf32>\n"));
  if (!code.canRun())
    GTEST_SKIP();
  std::vector<float> x = makeValues(kRows * 64, 1), w = makeValues(8 * 64, 2);
  std::fill_n(x.begin() + 32, 32, 0.0f);   // a block of zeros
  std::fill_n(x.begin() + 64, 32, 1e-38f); // and of next to nothing
  appendWeight(code.weights, w);
  std::vector<double> expected;
  for (size_t row = 0; row < kRows; ++row)
    for (size_t n = 0; n < 8; ++n) {
      double sum = 0;
      for (size_t block = 0; block < 64; block += 32) {
        float most = 0;
        for (size_t k = block; k < block + 32; ++k)
          most = std::max(most, std::fabs(x[row * 64 + k]));
        if (most < 1e-30f)
          continue;
        for (size_t k = block; k < block + 32; ++k)
          sum += double(most / 127) *
                 std::nearbyint(x[row * 64 + k] * (127 / most)) * w[n * 64 + k];
      }
      expected.push_back(sum);
    }
  expectClose(run(code, x, 64, 8), expected, 2e-6);
}

TEST_F(RowOp, Gates) {
  ReferenceRun code(
      makeModule("", "tensor<?x16xf32>", "tensor<?x32xf32>", R"mlir(
      %s = tok.gated %x, %x silu : tensor<?x16xf32>
      %g = tok.gated %x, %x gelu_tanh : tensor<?x16xf32>
      %e = tensor.empty(%n) : tensor<?x32xf32>
      %f = tensor.insert_slice %s into %e[0, 0] [%n, 16] [1, 1]
          : tensor<?x16xf32> into tensor<?x32xf32>
      %y = tensor.insert_slice %g into %f[0, 16] [%n, 16] [1, 1]
          : tensor<?x16xf32> into tensor<?x32xf32>
      )mlir"));
  if (!code.canRun())
    GTEST_SKIP();
  std::vector<float> x = makeValues(kRows * 16, 1, 8);
  x[0] = -100; // exp(100) is infinite in f32
  x[1] = -80;
  x[2] = 100;
  x[3] = 0;
  std::vector<float> found = run(code, x, 16, 32);
  for (size_t row = 0; row < kRows; ++row)
    for (size_t i = 0; i < 16; ++i) {
      double v = x[row * 16 + i];
      double silu = v / (1 + std::exp(-v)) * v;
      double inner = std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v);
      double gelu = 0.5 * v * (1 + std::tanh(inner)) * v;
      EXPECT_NEAR(found[row * 32 + i], silu, 1e-6 * std::fabs(silu) + 1e-12);
      EXPECT_NEAR(found[row * 32 + 16 + i], gelu, 2e-6 * v * v);
    }
}

/// Rotates heads of 8, of which `dims` elements turn.
std::vector<double> rotate(const std::vector<float> &x,
                           const std::vector<int32_t> &pos, bool adjacent,
                           size_t dims) {
  std::vector<double> y(x.begin(), x.end());
  for (size_t row = 0; row < kRows; ++row)
    for (size_t head = 0; head < 2; ++head)
      for (size_t i = 0; i < dims / 2; ++i) {
        double angle = pos[row] * std::pow(1e4, -2.0 * i / dims);
        size_t at = row * 16 + head * 8;
        size_t a = at + (adjacent ? 2 * i : i);
        size_t b = at + (adjacent ? 2 * i + 1 : i + dims / 2);
        y[a] = x[a] * std::cos(angle) - x[b] * std::sin(angle);
        y[b] = x[a] * std::sin(angle) + x[b] * std::cos(angle);
      }
  return y;
}

std::string makeRope(llvm::StringRef how) {
  return makeModule("", "tensor<?x16xf32>", "tensor<?x16xf32>",
                    (R"mlir(
      %h = tensor.expand_shape %x [[0], [1, 2]] output_shape [%n, 2, 8]
          : tensor<?x16xf32> into tensor<?x2x8xf32>
      %z = tok.rope %h, %pos )mlir" +
                     how + R"mlir( : tensor<?x2x8xf32>, !tok.rows<pos, seq>
      %y = tensor.collapse_shape %z [[0], [1, 2]]
          : tensor<?x2x8xf32> into tensor<?x16xf32>
      )mlir")
                        .str());
}

TEST_F(RowOp, RopeOfNeighbours) {
  ReferenceRun code(makeRope("adjacent base = 1.0e4 dims = 8"));
  if (!code.canRun())
    GTEST_SKIP();
  std::vector<float> x = makeValues(kRows * 16, 1);
  std::vector<float> found = run(code, x, 16, 16);
  expectClose(found, rotate(x, code.pos, true, 8), 5e-7);
}

TEST_F(RowOp, RopeOfHalvesInPart) {
  ReferenceRun code(makeRope("halves base = 1.0e4 dims = 4"));
  if (!code.canRun())
    GTEST_SKIP();
  std::vector<float> x = makeValues(kRows * 16, 1);
  std::vector<float> found = run(code, x, 16, 16);
  expectClose(found, rotate(x, code.pos, false, 4), 5e-7);
}

// Rows that were taken without their columns: a wrong pass, not a wrong input.
TEST_F(RowOp, RowsWithoutTheirColumnsTrap) {
  ReferenceRun code(R"mlir(
    func.func @step(%rows: !tok.rows<pos, seq> {tok.slot = "rows"},
                    %x: tensor<?x16xf32> {tok.slot = "frontier"},
                    %out: tensor<?xi32> {tok.slot = "out"})
        -> (tensor<?x16xf32> {tok.slot = "logits"}) {
      %c0 = arith.constant 0 : index
      %z = tok.take %x, %out : tensor<?x16xf32>, tensor<?xi32>
      %n = tensor.dim %z, %c0 : tensor<?x16xf32>
      %h = tensor.expand_shape %z [[0], [1, 2]] output_shape [%n, 2, 8]
          : tensor<?x16xf32> into tensor<?x2x8xf32>
      %r = tok.rope %h, %rows adjacent base = 1.0e4 dims = 8
          : tensor<?x2x8xf32>, !tok.rows<pos, seq>
      %y = tensor.collapse_shape %r [[0], [1, 2]]
          : tensor<?x2x8xf32> into tensor<?x16xf32>
      return %y : tensor<?x16xf32>
    })mlir");
  if (!code.canRun())
    GTEST_SKIP();
  code.frontier = makeValues(2 * 16, 1);
  code.pos = code.seq = {0, 0};
  code.out = {1, 0};
  code.logits.assign(2 * 16, NAN);
  code.run(2, 2); // as many rows as columns
  EXPECT_EQ(code.logits[0], code.frontier[16]);
  EXPECT_EXIT(code.run(2, 1), testing::KilledBySignal(SIGILL), "");
}

TEST_F(RowOp, OtherWorkersReturn) {
  ReferenceRun code(
      makeModule("", "tensor<?x16xf32>", "tensor<?x16xf32>",
                 "%y = tok.gated %x, %x silu : tensor<?x16xf32>\n"));
  if (!code.canRun())
    GTEST_SKIP();
  code.frontier = makeValues(16, 1);
  code.logits.assign(16, 7);
  code.run(1, 1, /*worker=*/1);
  EXPECT_THAT(code.logits, testing::Each(7));
}

} // namespace
