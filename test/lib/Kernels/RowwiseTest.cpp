//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels made from the region of one row: norms, rotations, elementwise ops
// and gathers.
//
//===----------------------------------------------------------------------===//

#include "test/lib/Kernels/KernelTest.h"

#include <cmath>
#include <cstring>
#include <limits>

using namespace tokopt;
using namespace tokopt::test;

namespace {

struct RowwiseTest : KernelTest {
  static std::string type(int64_t columns) {
    return "tensor<?x" + std::to_string(columns) + "xf32>";
  }

  static std::vector<uint8_t> bytesOf(const std::vector<float> &values) {
    std::vector<uint8_t> bytes(values.size() * sizeof(float));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
  }

  /// The entry that makes rows `%y` of rows `%x`, both of `type`.
  static std::string step(const std::string &type, const std::string &body) {
    return "func.func @step(%ids: tensor<?xi32> {tok.slot = \"ids\"}, %x: " +
           type + " {tok.slot = \"frontier\"}) -> (" + type +
           " {tok.slot = \"logits\"}) {\n  " + body + " : " + type +
           "\n  return %y : " + type + "\n}\n";
  }
};

TEST_P(RowwiseTest, Normalizes) {
  // Not all are multiples of a vector.
  for (int64_t columns : {8, 16, 72, 96, 1000}) {
    SCOPED_TRACE(columns);
    std::vector<float> weight(columns);
    for (float &w : weight)
      w = uniform(-2, 2);
    Program program(
        "tok.weight @w : tensor<" + std::to_string(columns) +
            "xf32> = source \"weights\" at [0]\n" +
            step(type(columns), "%y = tok.norm %x, @w rms eps = 1.0e-5"),
        GetParam(), bytesOf(weight));
    constexpr int64_t kRows = 6;
    Rows x(kRows, columns), y(kRows, columns);
    fill(x);
    for (int64_t c = 0; c < columns; ++c) {
      x[0][c] = 0;
      x[1][c] = 1e17f;
      x[2][c] = 1e-12f; // eps decides
      x[3][c] = c == columns - 1;
    }
    y.poison();
    run(program, x[0], y, /*workers=*/2);
    for (int64_t r = 0; r < kRows; ++r) {
      double sum = 0;
      for (int64_t c = 0; c < columns; ++c)
        sum += double(x[r][c]) * x[r][c];
      double root = std::sqrt(sum / columns + double(1e-5f));
      for (int64_t c = 0; c < columns; ++c) {
        double expected = x[r][c] / root * weight[c];
        ASSERT_NEAR(y[r][c], expected, 1e-6 * std::fabs(expected))
            << "row " << r << ", column " << c;
      }
      for (int64_t c = columns; c < y.stride; ++c)
        ASSERT_EQ(y[r][c], 0) << "row " << r << ", padding " << c;
    }
  }
}

/// What fills a row to a vector must not enter its sum, whatever an op makes of
/// zero.
TEST_P(RowwiseTest, NormalizesWhatAnotherOpFilled) {
  constexpr int64_t kColumns = 72, kRows = 3;
  std::vector<float> weight(kColumns, 1);
  Program program(R"mlir(
    tok.weight @w : tensor<72xf32> = source "weights" at [0]
    func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x72xf32> {tok.slot = "frontier"})
        -> (tensor<?x72xf32> {tok.slot = "logits"}) {
      %e = math.exp %x : tensor<?x72xf32>
      %n = tok.norm %e, @w rms eps = 1.0e-5 : tensor<?x72xf32>
      return %n : tensor<?x72xf32>
    })mlir",
                  GetParam(), bytesOf(weight));
  Rows x(kRows, kColumns), y(kRows, kColumns);
  fill(x, -3, 3);
  run(program, x[0], y);
  for (int64_t r = 0; r < kRows; ++r) {
    double sum = 0;
    for (int64_t c = 0; c < kColumns; ++c)
      sum += std::exp(2.0 * x[r][c]);
    double root = std::sqrt(sum / kColumns + double(1e-5f));
    for (int64_t c = 0; c < kColumns; ++c)
      ASSERT_NEAR(y[r][c], std::exp(double(x[r][c])) / root,
                  2e-6 * std::exp(double(x[r][c])) / root);
  }
}

/// The exponential of an op of the model takes every number.
TEST_P(RowwiseTest, RaisesEveryNumber) {
  constexpr float kInf = std::numeric_limits<float>::infinity(),
                  kNan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> values = {
      -kInf, -1e30f, -104.0f, -87.5f, -87.0f, -1.0f, -1e-9f, 0.0f, 0.5f,
      1.0f,  88.0f,  88.5f,   88.7f,  89.0f,  1e30f, kInf,   kNan};
  int64_t columns = values.size();
  Program program(step(type(columns), "%y = math.exp %x"), GetParam());
  Rows x(1, columns), y(1, columns);
  std::copy(values.begin(), values.end(), x[0]);
  run(program, x[0], y);
  for (int64_t c = 0; c < columns; ++c) {
    SCOPED_TRACE(values[c]);
    float expected = std::exp(values[c]);
    if (std::isnan(expected))
      EXPECT_TRUE(std::isnan(y[0][c]));
    else if (std::isinf(expected))
      EXPECT_EQ(y[0][c], expected);
    else // below the least normal number a result may be flushed to it or to
         // zero
      EXPECT_NEAR(y[0][c], expected, 1e-6 * expected + 1.2e-38);
  }
}

/// A layer norm, and norms of single heads, rounded for a linear or not.
TEST_P(RowwiseTest, NormalizesAboutTheMean) {
  struct Case {
    int64_t heads, size;
    bool layer;
  } cases[] = {{1, 72, true},
               {1, 96, true},
               {3, 32, true},
               {2, 64, false},
               {5, 16, false}};
  for (const Case &c : cases) {
    SCOPED_TRACE(testing::Message() << c.heads << " heads of " << c.size);
    int64_t columns = c.heads * c.size;
    std::vector<float> weights(2 * 128);
    for (float &w : weights)
      w = uniform(-2, 2);
    std::string t = c.heads == 1 ? type(columns)
                                 : "tensor<?x" + std::to_string(c.heads) + "x" +
                                       std::to_string(c.size) + "xf32>";
    std::string vector = "tensor<" + std::to_string(c.size) + "xf32>";
    Program program(
        "tok.weight @w : " + vector + " = source \"weights\" at [0]\n" +
            "tok.weight @b : " + vector + " = source \"weights\" at [512]\n" +
            step(t, std::string("%y = tok.norm %x, @w ") +
                        (c.layer ? "bias @b layer" : "rms") + " eps = 1.0e-5"),
        GetParam(), bytesOf(weights));
    constexpr int64_t kRows = 4;
    Rows x(kRows, columns), y(kRows, columns);
    fill(x);
    for (int64_t i = 0; i < columns; ++i) {
      x[0][i] = 0;
      x[1][i] = 100 + i % 3; // a mean far from zero
    }
    y.poison();
    run(program, x[0], y, /*workers=*/2);
    for (int64_t r = 0; r < kRows; ++r) {
      for (int64_t h = 0; h < c.heads; ++h) {
        const float *in = x[r] + h * c.size;
        double mean = 0, square = 0;
        for (int64_t i = 0; c.layer && i < c.size; ++i)
          mean += in[i] / double(c.size);
        for (int64_t i = 0; i < c.size; ++i)
          square += (in[i] - mean) * (in[i] - mean);
        double root = std::sqrt(square / c.size + double(1e-5f));
        for (int64_t i = 0; i < c.size; ++i) {
          double expected = (in[i] - mean) / root * weights[i];
          if (c.layer)
            expected += weights[128 + i];
          ASSERT_NEAR(y[r][h * c.size + i], expected, 2e-5)
              << "row " << r << ", head " << h << ", element " << i;
        }
      }
      for (int64_t i = columns; i < y.stride; ++i)
        ASSERT_EQ(y[r][i], 0) << "row " << r << ", padding " << i;
    }
  }
}

/// `c * tanh(x / c)`, as some models cap their logits.
TEST_P(RowwiseTest, SpreadsConstants) {
  constexpr int64_t kColumns = 40, kRows = 3;
  Program program(R"mlir(
    func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x40xf32> {tok.slot = "frontier"})
        -> (tensor<?x40xf32> {tok.slot = "logits"}) {
      %zero = arith.constant 0 : index
      %cap = arith.constant 30.0 : f32
      %rows = tensor.dim %x, %zero : tensor<?x40xf32>
      %caps = tensor.splat %cap[%rows] : tensor<?x40xf32>
      %0 = arith.divf %x, %caps : tensor<?x40xf32>
      %1 = math.tanh %0 : tensor<?x40xf32>
      %2 = arith.mulf %caps, %1 : tensor<?x40xf32>
      return %2 : tensor<?x40xf32>
    })mlir",
                  GetParam());
  Rows x(kRows, kColumns), y(kRows, kColumns);
  fill(x, -100, 100);
  run(program, x[0], y);
  for (int64_t r = 0; r < kRows; ++r)
    for (int64_t c = 0; c < kColumns; ++c)
      ASSERT_NEAR(y[r][c], 30 * std::tanh(x[r][c] / 30.0), 1e-4);
}

TEST_P(RowwiseTest, Rotates) {
  struct Case {
    const char *pairs;
    int64_t heads, size, dims;
    double base;
  } cases[] = {{"adjacent", 3, 64, 64, 1e5}, {"halves", 3, 64, 64, 1e6},
               {"adjacent", 2, 64, 32, 1e4}, {"halves", 2, 64, 32, 1e4},
               {"halves", 2, 64, 48, 1e4},   {"adjacent", 5, 24, 24, 1e4},
               {"halves", 5, 24, 24, 1e4},   {"adjacent", 2, 20, 10, 1e4},
               {"halves", 2, 20, 10, 1e4},   {"halves", 1, 128, 128, 5e5},
               {"adjacent", 1, 16, 2, 1e4}};
  for (const Case &c : cases) {
    SCOPED_TRACE(testing::Message() << c.pairs << " " << c.heads << " heads of "
                                    << c.size << ", " << c.dims << " rotate");
    std::string t = "tensor<?x" + std::to_string(c.heads) + "x" +
                    std::to_string(c.size) + "xf32>";
    Program program("!rows = !tok.rows<pos, seq>\nfunc.func @step(%ids: "
                    "tensor<?xi32> {tok.slot = \"ids\"}, %rows: "
                    "!rows {tok.slot = \"rows\"}, %x: " +
                        t + " {tok.slot = \"frontier\"}) -> (" + t +
                        " {tok.slot = \"logits\"}) {\n  %r = tok.rope " +
                        "%x, %rows " + c.pairs +
                        " base = " + std::to_string(c.base) +
                        " dims = " + std::to_string(c.dims) + " : " + t +
                        ", !rows\n  return %r : " + t + "\n}\n",
                    GetParam());
    std::vector<int32_t> positions = {0, 1, 2, 77, 4095, 8191, 131071},
                         sequences(positions.size());
    int64_t columns = c.heads * c.size;
    Rows x(positions.size(), columns), y(positions.size(), columns);
    fill(x);
    Frame frame;
    frame.set(Slot::Pos, positions.data()).set(Slot::Seq, sequences.data());
    run(program, x[0], y, /*workers=*/2, frame);
    for (size_t r = 0; r < positions.size(); ++r)
      for (int64_t h = 0; h < c.heads; ++h) {
        const float *in = x[r] + h * c.size, *out = y[r] + h * c.size;
        for (int64_t i = 0; i < c.dims / 2; ++i) {
          bool adjacent = std::string(c.pairs) == "adjacent";
          int64_t a = adjacent ? 2 * i : i,
                  b = adjacent ? 2 * i + 1 : i + c.dims / 2;
          double angle = positions[r] * std::pow(c.base, -2.0 * i / c.dims);
          double first = in[a] * std::cos(angle) - in[b] * std::sin(angle);
          double second = in[a] * std::sin(angle) + in[b] * std::cos(angle);
          double bound = 1e-6 * (std::fabs(in[a]) + std::fabs(in[b]));
          ASSERT_NEAR(out[a], first, bound) << "position " << positions[r]
                                            << ", head " << h << ", pair " << i;
          ASSERT_NEAR(out[b], second, bound)
              << "position " << positions[r] << ", head " << h << ", pair "
              << i;
        }
        for (int64_t d = c.dims; d < c.size; ++d)
          ASSERT_EQ(out[d], in[d]) << "position " << positions[r] << ", head "
                                   << h << ", element " << d;
      }
  }
}

TEST_P(RowwiseTest, TakesRowsAndNormalizesThem) {
  constexpr int64_t kColumns = 40;
  std::vector<float> weight(kColumns, 2);
  Program program(R"mlir(
    tok.weight @w : tensor<40xf32> = source "weights" at [0]
    func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %out: tensor<?xi32> {tok.slot = "out"},
                    %x: tensor<?x40xf32> {tok.slot = "frontier"})
        -> (tensor<?x40xf32> {tok.slot = "logits"}, tensor<?x40xf32> {tok.slot = "instrument"}) {
      %t = tok.take %x, %out : tensor<?x40xf32>, tensor<?xi32>
      %n = tok.norm %t, @w rms eps = 0.0 : tensor<?x40xf32>
      return %t, %n : tensor<?x40xf32>, tensor<?x40xf32>
    })mlir",
                  GetParam(), bytesOf(weight));
  constexpr int64_t kRows = 9;
  std::vector<int32_t> ids(kRows), out = {0, 3, 8};
  Rows x(kRows, kColumns), taken(out.size(), kColumns),
      normalized(out.size(), kColumns);
  fill(x);
  Frame frame;
  frame.set(Slot::Ids, ids.data())
      .set(Slot::Out, out.data())
      .set(Slot::Outs, int64_t(out.size()));
  frame.set(Slot::Frontier, x[0])
      .set(Slot::Logits, taken[0])
      .set(Slot::Instrument, normalized[0]);
  program.run(frame, kRows, /*workers=*/2);
  for (size_t o = 0; o < out.size(); ++o) {
    const float *row = x[out[o]];
    EXPECT_TRUE(sameBits(taken[o], row, kColumns));
    double sum = 0;
    for (int64_t c = 0; c < kColumns; ++c)
      sum += double(row[c]) * row[c];
    for (int64_t c = 0; c < kColumns; ++c)
      ASSERT_NEAR(normalized[o][c], row[c] / std::sqrt(sum / kColumns) * 2,
                  2e-6 * std::fabs(row[c] * 4) + 1e-6);
  }
}

TOKOPT_INSTANTIATE_KERNELS(RowwiseTest, getVariantsWithoutTiles());

} // namespace
