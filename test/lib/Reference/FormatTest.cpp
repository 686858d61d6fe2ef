//===- FormatTest.cpp - What the bytes of each format mean ----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rows of random bytes, read through `tok.embed` by compiled code and by a
// second decoder here, which unpacks a block from front to back.
//
//===----------------------------------------------------------------------===//

#include "ReferenceRun.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/Support/Endian.h"

using namespace tokopt::test;
using llvm::support::endian::read16le;
using llvm::support::endian::read32le;

namespace {

constexpr size_t kVocabulary = 5, kWidth = 512;

float half(const uint8_t *at) {
  llvm::APFloat value(llvm::APFloat::IEEEhalf(), llvm::APInt(16, read16le(at)));
  bool exact;
  value.convert(llvm::APFloat::IEEEsingle(), llvm::APFloat::rmNearestTiesToEven,
                &exact);
  return value.convertToFloat();
}

using Values = std::vector<float>;

Values unpackF32(const uint8_t *b) {
  uint32_t bits = read32le(b);
  float value;
  std::memcpy(&value, &bits, 4);
  return {value};
}

Values unpackF16(const uint8_t *b) { return {half(b)}; }

Values unpackBF16(const uint8_t *b) {
  uint32_t bits = uint32_t(read16le(b)) << 16;
  float value;
  std::memcpy(&value, &bits, 4);
  return {value};
}

Values unpackQ4_0(const uint8_t *b) {
  Values values(32);
  for (int i = 0; i < 16; ++i) {
    values[i] = half(b) * ((b[2 + i] & 15) - 8);
    values[i + 16] = half(b) * ((b[2 + i] >> 4) - 8);
  }
  return values;
}

Values unpackQ4_1(const uint8_t *b) {
  Values values(32);
  for (int i = 0; i < 16; ++i) {
    values[i] = half(b) * (b[4 + i] & 15) + half(b + 2);
    values[i + 16] = half(b) * (b[4 + i] >> 4) + half(b + 2);
  }
  return values;
}

Values unpackQ5_0(const uint8_t *b) {
  Values values(32);
  uint32_t fifth = read32le(b + 2);
  for (int i = 0; i < 16; ++i) {
    int low = (b[6 + i] & 15) + 16 * (fifth >> i & 1);
    int high = (b[6 + i] >> 4) + 16 * (fifth >> (i + 16) & 1);
    values[i] = half(b) * (low - 16);
    values[i + 16] = half(b) * (high - 16);
  }
  return values;
}

Values unpackQ8_0(const uint8_t *b) {
  Values values;
  for (int i = 0; i < 32; ++i)
    values.push_back(half(b) * static_cast<int8_t>(b[2 + i]));
  return values;
}

Values unpackQ4_K(const uint8_t *b) {
  Values values;
  for (int sub = 0; sub < 8; ++sub) {
    int scale, minimum;
    if (sub < 4) {
      scale = b[4 + sub] % 64;
      minimum = b[8 + sub] % 64;
    } else {
      scale = b[8 + sub] % 16 + b[sub] / 64 * 16;
      minimum = b[8 + sub] / 16 + b[4 + sub] / 64 * 16;
    }
    for (int i = 0; i < 32; ++i) {
      int byte = b[16 + sub / 2 * 32 + i];
      int q = sub % 2 ? byte / 16 : byte % 16;
      values.push_back(half(b) * scale * q - half(b + 2) * minimum);
    }
  }
  return values;
}

Values unpackQ6_K(const uint8_t *b) {
  Values values(256);
  for (int part = 0; part < 2; ++part) {
    const uint8_t *low = b + part * 64, *high = b + 128 + part * 32;
    const auto *scales = reinterpret_cast<const int8_t *>(b + 192 + part * 8);
    for (int i = 0; i < 32; ++i) {
      int q[] = {low[i] % 16 + high[i] % 4 * 16,
                 low[i + 32] % 16 + high[i] / 4 % 4 * 16,
                 low[i] / 16 + high[i] / 16 % 4 * 16,
                 low[i + 32] / 16 + high[i] / 64 * 16};
      for (int run = 0; run < 4; ++run)
        values[part * 128 + run * 32 + i] =
            half(b + 208) * scales[run * 2 + i / 16] * (q[run] - 32);
    }
  }
  return values;
}

struct FormatCase {
  const char *type;
  size_t block, bytes;
  /// Where the block has f16 numbers, which must not become NaN or infinite.
  std::vector<size_t> halves;
  Values (*unpack)(const uint8_t *);
};

void PrintTo(const FormatCase &format, std::ostream *os) { *os << format.type; }

class Format : public testing::TestWithParam<FormatCase> {};

TEST_P(Format, MeansWhatItsBytesSay) {
  const FormatCase &format = GetParam();
  std::string text =
      (llvm::Twine("tok.weight @w : tensor<5x512x") + format.type +
       R"mlir(> = source "m" at [0]
       func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"})
           -> (tensor<?x512xf32> {tok.slot = "logits"}) {
         %x = tok.embed %ids, @w : tensor<?xi32> -> tensor<?x512xf32>
         return %x : tensor<?x512xf32>
       })mlir")
          .str();
  ReferenceRun code(text);
  if (!code.canRun())
    GTEST_SKIP();

  std::mt19937 draw(7);
  size_t blocks = kVocabulary * kWidth / format.block;
  for (size_t i = 0; i < blocks * format.bytes; ++i)
    code.weights.push_back(draw() & 0xff);
  for (size_t block = 0; block < blocks; ++block) {
    for (size_t at : format.halves)
      code.weights[block * format.bytes + at + 1] &= 0xbf; // magnitude below 2
    if (format.bytes == 4)
      code.weights[block * 4 + 3] = block % 7 ? 0x3f : 0xc1;
  }
  // Subnormal scales, which the workers' denormals-are-zero must not touch.
  for (size_t at : format.halves)
    code.weights[at + 1] &= 0x83;

  code.ids = {4, 0, 3, 3, -1, 77}; // the last two read the last row
  code.logits.assign(code.ids.size() * kWidth, -1);
  code.run(code.ids.size(), code.ids.size());
  for (size_t row = 0; row < code.ids.size(); ++row) {
    size_t id = std::min<uint32_t>(code.ids[row], kVocabulary - 1);
    for (size_t at = 0; at < kWidth; at += format.block) {
      size_t block = (id * kWidth + at) / format.block;
      Values expected = format.unpack(&code.weights[block * format.bytes]);
      for (size_t i = 0; i < expected.size(); ++i)
        ASSERT_EQ(code.logits[row * kWidth + at + i], expected[i])
            << "row " << row << ", value " << at + i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, Format,
    testing::Values(FormatCase{"f32", 1, 4, {}, unpackF32},
                    FormatCase{"f16", 1, 2, {0}, unpackF16},
                    FormatCase{"bf16", 1, 2, {0}, unpackBF16},
                    FormatCase{"!tok.q4_0", 32, 18, {0}, unpackQ4_0},
                    FormatCase{"!tok.q4_1", 32, 20, {0, 2}, unpackQ4_1},
                    FormatCase{"!tok.q5_0", 32, 22, {0}, unpackQ5_0},
                    FormatCase{"!tok.q8_0", 32, 34, {0}, unpackQ8_0},
                    FormatCase{"!tok.q4_k", 256, 144, {0, 2}, unpackQ4_K},
                    FormatCase{"!tok.q6_k", 256, 210, {208}, unpackQ6_K}),
    [](const testing::TestParamInfo<FormatCase> &info) {
      llvm::StringRef name(info.param.type);
      name.consume_front("!tok.");
      return name.upper();
    });

} // namespace
