//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// tok.linear and tok.embed in every format against sums in double precision
// over the formats' definitions.
//
//===----------------------------------------------------------------------===//

#include "test/lib/Kernels/Formats.h"
#include "test/lib/Kernels/KernelTest.h"

#include <cfloat>
#include <cmath>
#include <cstring>

using namespace tokopt;
using namespace tokopt::test;

namespace {

struct LinearTest : KernelTest {
  /// What `tok.linear` computes from `rows` rows of `x`.
  static Rows compute(const Program &program, const Rows &x, int64_t first,
                      int64_t rows, int64_t outputs, int64_t workers = 1) {
    Rows y(rows, outputs);
    y.poison();
    run(program, x[first], y, workers);
    return y;
  }

  static std::string moduleOf(const Matrix &w, bool rounded) {
    std::string in = "tensor<?x" + std::to_string(w.columns) + "xf32>";
    std::string out = "tensor<?x" + std::to_string(w.rows) + "xf32>";
    return "tok.weight @w : " + typeOf(w) +
           " = source \"weights\" at [0]\n"
           "func.func @step(%ids: tensor<?xi32> {tok.slot = \"ids\"}, %x: " +
           in + " {tok.slot = \"frontier\"}) -> (" + out +
           " {tok.slot = \"logits\"}) {\n  %y = tok.linear %x, @w" +
           (rounded ? " compute = <i8, block = 32> : " : " : ") + in + " -> " +
           out + "\n  return %y : " + out + "\n}\n";
  }

  /// Rows that kernels may stumble over, and then random ones.
  Rows makeInput(int64_t rows, int64_t columns) {
    Rows x(rows, columns);
    fill(x, -2, 2);
    for (int64_t c = 0; c < columns; ++c) {
      x[0][c] = 0;
      x[1][c] = 0.75f; // all equal
      x[2][c] =
          c % 2 ? 1e30f : -1e30f; // no sum overflows, no square would survive
      x[3][c] = c < 32 ? 0 : x[3][c];      // one block of zeros
      x[4][c] = c == columns - 1 ? -1 : 0; // the last column alone
      x[5][c] = uniform(0, 1) < 0.5
                    ? 2e-38f
                    : 0; // too small for the inverse of its magnitude
      x[6][c] = c % 32 ? x[6][c] * 1e-6f : 1000; // one outlier a block
    }
    return x;
  }
};

/// The row as the op reads it when it computes in i8: its definition, in the
/// arithmetic that it names.
std::vector<double> roundRow(const float *x, int64_t columns) {
  std::vector<double> rounded(columns);
  for (int64_t block = 0; block < columns; block += 32) {
    float largest = 0;
    for (int64_t c = block; c < block + 32; ++c)
      largest = std::max(largest, std::fabs(x[c]));
    float scale = largest / 127.0f, inverse = 127.0f / largest;
    // A scale below the smallest normal number is flushed to zero.
    for (int64_t c = block; c < block + 32; ++c)
      rounded[c] = std::fpclassify(scale) == FP_NORMAL
                       ? double(scale) * std::nearbyintf(x[c] * inverse)
                       : 0;
  }
  return rounded;
}

TEST_P(LinearTest, SumsEveryFormat) {
  // Whole tiles of every level (16, 12 and 4 rows) and what is left of them.
  constexpr int64_t kRows = 35;
  for (const BlockFormat &format : getBlockFormats())
    for (bool rounded : {false, true})
      // One block and several, a part of a panel and several with a part.
      for (auto [outputs, blocks] :
           {std::pair<int64_t, int64_t>{5, 1}, {37, 3}}) {
        // Compiling takes nearly all the time. One block differs little from
        // three; and spelled out, one format from another.
        bool isEmulated = std::string(GetParam().target) != GetParam().level;
        bool isSample = rounded && std::string(format.name) == "q4_1";
        if ((!isSample || isEmulated) && blocks == 1)
          continue;
        if (isEmulated && !rounded && format.block == 32 &&
            std::string(format.name) != "q5_0")
          continue;
        int64_t columns = std::max<int64_t>(format.block, 32) * blocks;
        SCOPED_TRACE(testing::Message()
                     << format.name << (rounded ? " i8 " : " f32 ") << outputs
                     << "x" << columns);
        Matrix w =
            makeMatrix(format, outputs, columns, [&] { return random(); });
        Program program(moduleOf(w, rounded), GetParam(), w.bytes);
        Rows x = makeInput(kRows, columns);
        Rows y = compute(program, x, 0, kRows, outputs);
        for (int64_t r = 0; r < kRows; ++r) {
          std::vector<double> input(x[r], x[r] + columns);
          if (rounded)
            input = roundRow(x[r], columns);
          for (int64_t n = 0; n < outputs; ++n) {
            // Whatever is below the smallest normal number is flushed to zero.
            double expected = 0, magnitude = 0, flushed = 0;
            for (int64_t k = 0; k < columns; ++k) {
              Decoded weight = w.at(n, k);
              expected += weight.value * input[k];
              magnitude += weight.magnitude * std::fabs(input[k]);
              flushed += FLT_MIN * (1 + weight.magnitude);
            }
            double relative =
                rounded
                    ? 2e-6
                    : 2e-6 +
                          5e-9 * columns; // one rounding a block, or a column
            ASSERT_NEAR(y[r][n], expected, relative * magnitude + flushed)
                << "row " << r << ", output " << n;
          }
          for (int64_t n = outputs; n < y.stride; ++n)
            ASSERT_EQ(y[r][n], 0) << "row " << r << ", padding " << n;
        }
        // A row has the same bits alone as in any tile, and whatever the
        // workers.
        for (int64_t r = 0; r < kRows; ++r) {
          Rows alone = compute(program, x, r, 1, outputs);
          ASSERT_TRUE(sameBits(alone[0], y[r], outputs))
              << "row " << r << " alone";
        }
        for (int64_t count : {2, 3, 4, 5, 7, 11, 12, 13, 15, 16, 17, 29, 34}) {
          Rows some =
              compute(program, x, 1, count, outputs, /*workers=*/1 + count % 3);
          for (int64_t r = 0; r < count; ++r)
            ASSERT_TRUE(sameBits(some[r], y[1 + r], outputs))
                << "row " << 1 + r << " of " << count;
        }
      }
}

/// Largest bytes of either sign, on which 16-bit sums of pairs overflow if they
/// can.
TEST_P(LinearTest, SumsExtremesExactly) {
  for (const BlockFormat &format : getBlockFormats()) {
    bool isEmulated = std::string(GetParam().target) != GetParam().level;
    if (format.block == 1 || (isEmulated && std::string(format.name) != "q8_0"))
      continue;
    SCOPED_TRACE(format.name);
    int64_t columns = 256, outputs = 16;
    Matrix w = makeMatrix(format, outputs, columns, [&] { return random(); });
    for (int64_t row = 0; row < outputs; ++row)
      for (int64_t block = 0; block < columns / format.block; ++block) {
        uint8_t *bytes = w.getBlock(row, block);
        // All ones, all zeros, the most negative and the largest byte; in later
        // rows, one after the other.
        uint8_t patterns[] = {0xFF, 0x00, 0x80, 0x7F};
        for (int64_t i = 0; i < format.bytes; ++i)
          bytes[i] = patterns[(row + (row >= 8 ? i : 0)) % 4];
        for (int64_t place : format.halves) {
          uint16_t one = doubleToHalf(1);
          std::memcpy(bytes + place, &one, 2);
        }
      }
    Program program(moduleOf(w, /*rounded=*/true), GetParam(), w.bytes);
    Rows x(4, columns);
    for (int64_t c = 0; c < columns; ++c) {
      x[0][c] = 127;
      x[1][c] = -127;
      x[2][c] = c % 2 ? 127 : -127;
      x[3][c] = c % 4 < 2 ? -127 : 127;
    }
    Rows y = compute(program, x, 0, 4, outputs);
    for (int64_t r = 0; r < 4; ++r)
      for (int64_t n = 0; n < outputs; ++n) {
        double expected = 0, magnitude = 0;
        for (int64_t k = 0; k < columns; ++k) {
          Decoded weight = w.at(n, k);
          expected += weight.value * x[r][k];
          magnitude += weight.magnitude * std::fabs(x[r][k]);
        }
        ASSERT_NEAR(y[r][n], expected, 2e-6 * magnitude)
            << "row " << r << ", output " << n;
      }
  }
}

TEST_P(LinearTest, AddsBiasResidualAndGates) {
  auto find = [](llvm::StringRef name) {
    return &*llvm::find_if(getBlockFormats(), [&](const BlockFormat &format) {
      return format.name == name;
    });
  };
  const BlockFormat *q4_1 = find("q4_1"), *q8_0 = find("q8_0"),
                    *q4_k = find("q4_k"), *q6_k = find("q6_k");
  struct Case {
    const BlockFormat *gate, *up;
    int64_t columns;
    bool rounded;
    const char *activation;
  };
  // Formats with one scale a group and with two in one kernel; groups that do
  // not fill what is multiplied together; rows of which a block holds 16.
  const Case cases[] = {{q8_0, q4_1, 64, false, "silu"},
                        {q8_0, q4_1, 64, false, "gelu_tanh"},
                        {q8_0, q4_1, 288, true, "silu"},
                        {q4_k, q6_k, 512, true, "gelu_tanh"},
                        {q4_1, q4_1, 4096, true, "silu"}};
  constexpr int64_t kOutputs = 40, kRows = 35;
  bool isEmulated = std::string(GetParam().target) != GetParam().level;
  for (const Case &item : cases) {
    if (isEmulated && item.columns > 1000)
      continue; // a minute, and no code that the others do not have
    SCOPED_TRACE(testing::Message()
                 << item.gate->name << " and " << item.up->name << ", "
                 << item.columns << (item.rounded ? " i8" : " f32"));
    Matrix a = makeMatrix(*item.gate, kOutputs, item.columns,
                          [&] { return random(); });
    Matrix b =
        makeMatrix(*item.up, kOutputs, item.columns, [&] { return random(); });
    std::vector<float> bias(kOutputs);
    for (float &value : bias)
      value = uniform(-1, 1);
    std::vector<uint8_t> bytes = a.bytes;
    int64_t second = bytes.size();
    bytes.insert(bytes.end(), b.bytes.begin(), b.bytes.end());
    int64_t third = bytes.size();
    const auto *raw = reinterpret_cast<const uint8_t *>(bias.data());
    bytes.insert(bytes.end(), raw, raw + 4 * kOutputs);
    std::string columns = std::to_string(item.columns);
    std::string linear =
        (item.rounded ? " bias @bias compute = <i8, block = 32>"
                      : " bias @bias") +
        (" : tensor<?x" + columns + "xf32> -> tensor<?x40xf32>\n");
    std::string text =
        "tok.weight @a : " + typeOf(a) +
        " = source \"weights\" at [0]\ntok.weight @b : " + typeOf(b) +
        " = source \"weights\" at [" + std::to_string(second) +
        "]\ntok.weight @bias : tensor<40xf32> = source \"weights\" at [" +
        std::to_string(third) +
        "]\nfunc.func @step(%ids: tensor<?xi32> {tok.slot = \"ids\"}, "
        "%x: tensor<?x" +
        columns +
        "xf32> {tok.slot = \"frontier\"}, "
        "%r: tensor<?x40xf32> {tok.slot = \"instrument\"}) -> "
        "(tensor<?x40xf32> {tok.slot = \"logits\"}) {\n"
        "%g = tok.linear %x, @a" +
        linear + "%u = tok.linear %x, @b" + linear + "%h = tok.gated %g, %u " +
        item.activation +
        " : tensor<?x40xf32>\n"
        "%s = tok.linear %x, @a" +
        linear +
        "%t = arith.addf %r, %s : tensor<?x40xf32>\n"
        "%y = arith.mulf %h, %t : tensor<?x40xf32>\n"
        "return %y : tensor<?x40xf32>\n}";
    Rows x(kRows, item.columns), residual(kRows, kOutputs);
    fill(x);
    fill(residual);
    if (!item.rounded)
      for (int64_t c = 0; c < item.columns; ++c)
        x[3][c] = 1000; // the activation saturates
    Program program(text, GetParam(), bytes);
    auto compute = [&](int64_t first, int64_t count) {
      Rows rows(count, item.columns), added(count, kOutputs),
          y(count, kOutputs);
      for (int64_t r = 0; r < count; ++r) {
        std::memcpy(rows[r], x[first + r], item.columns * sizeof(float));
        std::memcpy(added[r], residual[first + r], kOutputs * sizeof(float));
      }
      run(program, rows[0], y, /*workers=*/2,
          Frame().set(Slot::Instrument, added[0]));
      return y;
    };
    Rows y = compute(0, kRows);
    for (int64_t r = 0; r < kRows; ++r) {
      Rows alone = compute(r, 1);
      ASSERT_TRUE(sameBits(alone[0], y[r], kOutputs)) << "row " << r;
      std::vector<double> input(x[r], x[r] + item.columns);
      if (item.rounded)
        input = roundRow(x[r], item.columns);
      for (int64_t n = 0; n < kOutputs; ++n) {
        double g = bias[n], u = bias[n];
        double ofG = std::fabs(g), ofU = std::fabs(u); // magnitudes
        for (int64_t k = 0; k < item.columns; ++k) {
          g += a.at(n, k).value * input[k];
          u += b.at(n, k).value * input[k];
          ofG += a.at(n, k).magnitude * std::fabs(input[k]);
          ofU += b.at(n, k).magnitude * std::fabs(input[k]);
        }
        double activated =
            std::string(item.activation) == "silu"
                ? g / (1 + std::exp(-g))
                : 0.5 * g *
                      (1 + std::tanh(std::sqrt(2 / M_PI) *
                                     (g + 0.044715 * g * g * g)));
        double added = residual[r][n] + g, expected = activated * u * added;
        // No activation is steeper than 1.13.
        double error = 1.13 * ofG * std::fabs(u * added) +
                       std::fabs(activated * added) * ofU +
                       std::fabs(activated * u) * (ofG + 1);
        ASSERT_NEAR(y[r][n], expected, 4e-6 * error)
            << "row " << r << ", output " << n;
      }
    }
  }
}

TEST_P(LinearTest, EmbedsEveryFormat) {
  for (const BlockFormat &format : getBlockFormats()) {
    SCOPED_TRACE(format.name);
    int64_t columns = std::max<int64_t>(format.block, 40), vocab = 37;
    columns -= columns % format.block;
    Matrix table = makeMatrix(format, vocab, columns, [&] { return random(); });
    std::string type = "tensor<?x" + std::to_string(columns) + "xf32>";
    Program program(
        "tok.weight @w : " + typeOf(table) +
            " = source \"weights\" at [0]\n"
            "func.func @step(%ids: tensor<?xi32> {tok.slot = \"ids\"}) -> (" +
            type +
            " {tok.slot = \"logits\"}) {\n  %x = tok.embed %ids, @w {scale = "
            "3.0 : f32} : " +
            "tensor<?xi32> -> " + type + "\n  return %x : " + type + "\n}\n",
        GetParam(), table.bytes);
    std::vector<int32_t> ids = {0, 36, 15, 16, 36, 31, 32};
    Rows x(ids.size(), columns);
    x.poison();
    Frame frame;
    frame.set(Slot::Ids, ids.data()).set(Slot::Logits, x[0]);
    program.run(frame, ids.size(), /*workers=*/2);
    for (size_t r = 0; r < ids.size(); ++r) {
      for (int64_t c = 0; c < columns; ++c) {
        Decoded value = table.at(ids[r], c);
        ASSERT_NEAR(x[r][c], 3 * value.value, 4e-7 * 3 * value.magnitude)
            << "row " << r << ", column " << c;
      }
      for (int64_t c = columns; c < x.stride; ++c)
        ASSERT_EQ(x[r][c], 0) << "row " << r << ", padding " << c;
    }
  }
}

TOKOPT_INSTANTIATE_KERNELS(LinearTest, getVariants());

} // namespace
