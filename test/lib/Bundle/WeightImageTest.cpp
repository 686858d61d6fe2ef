//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two ways from the bytes of a model file to numbers must agree: directly, one
// weight at a time as the format is defined, and through the packed panel as
// docs/bundle.md defines it. Neither shares code with the packer.
//
//===----------------------------------------------------------------------===//

#include "TemporaryFolder.h"
#include "llvm/ADT/STLExtras.h"
#include "gmock/gmock.h"
#include <cmath>
#include <cstring>
#include <random>

using namespace llvm;
using namespace tokopt;
using namespace tokopt::test;
using testing::HasSubstr;

namespace {

float readHalf(const uint8_t *bytes) {
  uint16_t bits;
  std::memcpy(&bits, bytes, 2);
  int exponent = bits >> 10 & 31;
  int fraction = bits & 1023;
  float magnitude = exponent == 31 ? (fraction ? NAN : INFINITY)
                    : exponent == 0
                        ? std::ldexp(fraction, -24)
                        : std::ldexp(1024 + fraction, exponent - 25);
  return std::copysign(magnitude, bits & 0x8000 ? -1.0f : 1.0f);
}

float readBrain(const uint8_t *bytes) {
  uint32_t bits = uint32_t(bytes[0]) << 16 | uint32_t(bytes[1]) << 24;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

float readFloat(const uint8_t *bytes) {
  float value;
  std::memcpy(&value, bytes, 4);
  return value;
}

//===----------------------------------------------------------------------===//
// The formats of model files
//===----------------------------------------------------------------------===//

/// Weight k of the block at `b`.
float decodeSource(Format format, const uint8_t *b, int64_t k) {
  auto nibble = [k](const uint8_t *nibbles) {
    return k < 16 ? nibbles[k] & 15 : nibbles[k - 16] >> 4;
  };
  switch (format) {
  case Format::F32:
    return readFloat(b);
  case Format::F16:
    return readHalf(b);
  case Format::BF16:
    return readBrain(b);
  case Format::Q4_0:
    return readHalf(b) * (nibble(b + 2) - 8);
  case Format::Q4_1:
    return readHalf(b) * nibble(b + 4) + readHalf(b + 2);
  case Format::Q5_0: {
    int fifth = b[2 + k / 8] >> (k % 8) & 1;
    return readHalf(b) * ((nibble(b + 6) | fifth << 4) - 16);
  }
  case Format::Q8_0:
    return readHalf(b) * static_cast<int8_t>(b[2 + k]);
  case Format::Q4_K: {
    // Eight scales and mins of six bits in twelve bytes.
    int64_t j = k / 32;
    const uint8_t *s = b + 4;
    int scale = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
    int min = j < 4 ? s[j + 4] & 63 : s[j + 4] >> 4 | (s[j] >> 6) << 4;
    uint8_t byte = b[16 + k / 64 * 32 + k % 32];
    int q = k / 32 % 2 ? byte >> 4 : byte & 15;
    return readHalf(b) * scale * q - readHalf(b + 2) * min;
  }
  case Format::Q6_K: {
    int64_t half = k / 128, l = k % 32, quarter = k / 32 % 4;
    uint8_t low = b[half * 64 + l + quarter % 2 * 32];
    int q = quarter < 2 ? low & 15 : low >> 4;
    q |= (b[128 + half * 32 + l] >> (2 * quarter) & 3) << 4;
    auto scale = static_cast<int8_t>(b[192 + k / 16]);
    return readHalf(b + 208) * scale * (q - 32);
  }
  }
  return NAN;
}

//===----------------------------------------------------------------------===//
// docs/bundle.md
//===----------------------------------------------------------------------===//

/// Weight k of row r of the packed block at `b`.
float decodePacked(Format format, const uint8_t *b, int64_t r, int64_t k) {
  // Byte j of lane r of line i.
  auto at = [r](const uint8_t *lines, int64_t i, int64_t j) {
    return lines[64 * i + 4 * r + j];
  };
  auto nibble = [&](const uint8_t *lines, int64_t k) {
    uint8_t byte = at(lines, k % 16 / 4, k % 4);
    return k < 16 ? byte & 15 : byte >> 4;
  };
  auto half = [r](const uint8_t *run) { return readHalf(run + 2 * r); };
  switch (format) {
  case Format::F32:
    return readFloat(b + 4 * r);
  case Format::F16:
    return half(b);
  case Format::BF16:
    return readBrain(b + 2 * r);
  case Format::Q4_0:
    return half(b + 256) * (nibble(b, k) - 8);
  case Format::Q4_1:
    return half(b + 256) * nibble(b, k) + half(b + 288);
  case Format::Q5_0: {
    // Bit 8j + i of the lane: bit i of its byte j.
    int fifth = at(b + 256, 0, k % 4) >> (k / 4) & 1;
    return half(b + 320) * ((nibble(b, k) | fifth << 4) - 16);
  }
  case Format::Q8_0:
    return half(b + 512) * static_cast<int8_t>(at(b, k / 4, k % 4) ^ 0x80);
  case Format::Q4_K: {
    const uint8_t *sub = b + 64 + k / 32 * 288;
    return half(b) * sub[256 + r] * nibble(sub, k % 32) -
           half(b + 32) * sub[272 + r];
  }
  case Format::Q6_K: {
    const uint8_t *sub = b + 32 + k / 32 * 416;
    k %= 32;
    // Bits 8j + 2i of the lane: bits 2i of its byte j.
    int high = at(sub + 256, k / 16, k % 4) >> (2 * (k % 16 / 4)) & 3;
    auto scale = static_cast<int8_t>(sub[k < 16 ? 384 + r : 400 + r]);
    return half(b) * scale * ((nibble(sub, k) | high << 4) - 32);
  }
  }
  return NAN;
}

bool isSame(float a, float b) { return a == b || (a != a && b != b); }

//===----------------------------------------------------------------------===//
// Tests
//===----------------------------------------------------------------------===//

const Format kFormats[] = {Format::F32,  Format::F16,  Format::BF16,
                           Format::Q4_0, Format::Q4_1, Format::Q5_0,
                           Format::Q8_0, Format::Q4_K, Format::Q6_K};

class PackingTest : public testing::TestWithParam<Format> {
protected:
  const FormatInfo &info = getFormatInfo(GetParam());

  std::vector<uint8_t> pack(int64_t rows, int64_t columns,
                            ArrayRef<uint8_t> source) {
    TemporaryFolder folder;
    // Something else stands before it in the file.
    std::vector<uint8_t> file(32, 0xee);
    llvm::append_range(file, source);
    WeightImage image;
    auto offset = image.addMatrix(
        GetParam(), rows, columns,
        {folder.makeSource(file), 32, source.size(), "blk.0.weight"});
    if (!offset) {
      ADD_FAILURE() << toString(offset.takeError());
      return {};
    }
    EXPECT_EQ(*offset, 0);
    std::vector<uint8_t> packed;
    EXPECT_FALSE(errorToBool(image.produce([&](ArrayRef<uint8_t> piece) {
      llvm::append_range(packed, piece);
      return Error::success();
    })));
    EXPECT_EQ(static_cast<int64_t>(packed.size()), image.getBytes());
    return packed;
  }

  void check(int64_t rows, int64_t columns, ArrayRef<uint8_t> source) {
    std::vector<uint8_t> packed = pack(rows, columns, source);
    int64_t blocks = columns / info.blockColumns;
    int64_t panels = (rows + 15) / 16;
    int64_t bytes = panels * blocks * info.packedBlockBytes;
    ASSERT_EQ(static_cast<int64_t>(packed.size()), (bytes + 63) / 64 * 64);
    for (int64_t row = 0; row < panels * 16; ++row)
      for (int64_t column = 0; column < columns; ++column) {
        int64_t block = column / info.blockColumns;
        int64_t k = column % info.blockColumns;
        float expected =
            row < rows ? decodeSource(GetParam(),
                                      source.data() + (row * blocks + block) *
                                                          info.sourceBlockBytes,
                                      k)
                       : 0.0f;
        float found = decodePacked(GetParam(),
                                   packed.data() + (row / 16 * blocks + block) *
                                                       info.packedBlockBytes,
                                   row % 16, k);
        ASSERT_TRUE(isSame(found, expected))
            << "row " << row << ", column " << column << ": " << found
            << " instead of " << expected;
      }
  }
};

INSTANTIATE_TEST_SUITE_P(Formats, PackingTest, testing::ValuesIn(kFormats),
                         [](const auto &info) {
                           return getFormatInfo(info.param).name.str();
                         });

TEST_P(PackingTest, KeepsEveryWeight) {
  std::mt19937 random(1);
  // Few and many rows; one block, several, and a panel of more than one piece.
  const std::pair<int64_t, int64_t> shapes[] = {
      {1, 1}, {16, 2}, {17, 3}, {40, 3}, {18, 40000 / info.packedBlockBytes}};
  for (auto [rows, blocks] : shapes) {
    std::vector<uint8_t> source(rows * blocks * info.sourceBlockBytes);
    for (uint8_t &byte : source)
      byte = random();
    check(rows, blocks * info.blockColumns, source);
  }
}

TEST_P(PackingTest, KeepsHostileBytes) {
  for (uint8_t value : {0x00, 0xff, 0x80, 0x7f, 0x7c, 0xfc})
    check(18, 2 * info.blockColumns,
          std::vector<uint8_t>(18 * 2 * info.sourceBlockBytes, value));
}

TEST_P(PackingTest, KeepsEachBitByItself) {
  // Finite scales, and in each row one bit that differs: random bytes could
  // hide a bit that counts only beside others.
  int64_t bits = info.sourceBlockBytes * 8;
  std::vector<uint8_t> source(bits * info.sourceBlockBytes, 0x35);
  for (int64_t bit = 0; bit < bits; ++bit)
    source[bit * info.sourceBlockBytes + bit / 8] ^= 1 << bit % 8;
  check(bits, info.blockColumns, source);
}

TEST_P(PackingTest, IsFoundByName) {
  EXPECT_EQ(parseFormat(info.name), GetParam());
  EXPECT_EQ(parseFormat("q9_9"), std::nullopt);
}

TEST_P(PackingTest, RefusesSizesThatOverflow) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  EXPECT_FALSE(getPackedBytes(GetParam(), kMax, 256));
  EXPECT_FALSE(getPackedBytes(GetParam(), 256, kMax / 256 * 256));
  EXPECT_FALSE(getPackedBytes(GetParam(), int64_t(1) << 32, int64_t(1) << 32));
  EXPECT_FALSE(getPackedBytes(GetParam(), 0, 256));
  EXPECT_FALSE(getPackedBytes(GetParam(), -1, 256));
  EXPECT_FALSE(getPackedBytes(GetParam(), 1, 0));
  EXPECT_FALSE(getPackedBytes(GetParam(), 1, -256));
}

/// Adds one item to an empty image and returns the message of the failure.
template <typename Add>
std::string getMessage(Add add) {
  WeightImage image;
  Expected<int64_t> offset = add(image);
  EXPECT_EQ(image.getBytes(), 0);
  return offset ? "no error" : toString(offset.takeError());
}

TEST(WeightImage, SaysWhatIsWrongWithARange) {
  TemporaryFolder folder;
  auto source = folder.makeSource(std::vector<uint8_t>(100));
  auto add = [&](int64_t rows, int64_t columns, uint64_t offset,
                 uint64_t bytes) {
    return getMessage([&](WeightImage &image) {
      return image.addMatrix(Format::Q4_0, rows, columns,
                             {source, offset, bytes, "blk.7.ffn_up.weight"});
    });
  };
  EXPECT_THAT(add(5, 32, 11, 90), HasSubstr("model.gguf: tensor "
                                            "'blk.7.ffn_up.weight': its data, "
                                            "90 bytes at offset 11"));
  EXPECT_THAT(add(5, 32, 0, 89), HasSubstr("has 89 bytes of data, but its type "
                                           "and shape need 90"));
  EXPECT_THAT(add(5, 33, 0, 90), HasSubstr("5 x 33 as q4_0"));
  // An offset that wraps around when the size is added.
  EXPECT_THAT(add(5, 32, ~uint64_t(0) - 10, 90), HasSubstr("past the end"));
}

TEST(WeightImage, SaysWhatIsWrongWithAVector) {
  TemporaryFolder folder;
  auto source = folder.makeSource(std::vector<uint8_t>(100));
  auto add = [&](int64_t elements, uint64_t bytes, Format format) {
    return getMessage([&](WeightImage &image) {
      return image.addVector(elements, {source, 0, bytes, "norm"}, format);
    });
  };
  EXPECT_THAT(add(26, 104, Format::F32), HasSubstr("past the end"));
  EXPECT_THAT(add(25, 96, Format::F32), HasSubstr("need 100"));
  EXPECT_THAT(add(32, 18, Format::Q4_0), HasSubstr("f32 or f16"));
  EXPECT_THAT(add(0, 0, Format::F32), HasSubstr("0 elements"));
  EXPECT_THAT(add(int64_t(1) << 62, 0, Format::F32), HasSubstr("less than"));
}

TEST(WeightImage, FillsVectorsWithZeroes) {
  TemporaryFolder folder;
  const float values[] = {1, -2, 3.5};
  std::vector<uint8_t> bytes(12);
  std::memcpy(bytes.data(), values, 12);
  // f16: 1, -2, 3.5, the smallest denormal, infinity
  for (uint16_t half : {0x3c00, 0xc000, 0x4300, 0x0001, 0x7c00}) {
    bytes.push_back(half & 255);
    bytes.push_back(half >> 8);
  }
  auto source = folder.makeSource(bytes);
  WeightImage image;
  EXPECT_EQ(cantFail(image.addVector(3, {source, 0, 12, "a"})), 0);
  EXPECT_EQ(cantFail(image.addVector(5, {source, 12, 10, "b"}, Format::F16)),
            64);
  EXPECT_EQ(image.getBytes(), 128);
  std::vector<uint8_t> packed;
  cantFail(image.produce([&](ArrayRef<uint8_t> piece) {
    llvm::append_range(packed, piece);
    return Error::success();
  }));
  float found[32];
  ASSERT_EQ(packed.size(), sizeof(found));
  std::memcpy(found, packed.data(), sizeof(found));
  float expected[32] = {1, -2, 3.5};
  const float second[] = {1, -2, 3.5, std::ldexp(1.0f, -24), INFINITY};
  std::memcpy(expected + 16, second, sizeof(second));
  EXPECT_EQ(std::memcmp(found, expected, sizeof(found)), 0);
}

TEST(WeightImage, AlignsEveryItem) {
  TemporaryFolder folder;
  auto source = folder.makeSource(std::vector<uint8_t>(64, 1));
  WeightImage image;
  // One column of f16 makes a panel of 32 bytes.
  EXPECT_EQ(cantFail(image.addMatrix(Format::F16, 3, 1, {source, 0, 6, "a"})),
            0);
  EXPECT_EQ(cantFail(image.addMatrix(Format::F16, 3, 1, {source, 6, 6, "b"})),
            64);
  EXPECT_EQ(image.getBytes(), 128);
}

/// Gives fewer bytes than it says.
struct ShortProducer : WeightProducer {
  int64_t getBytes() const override { return 100; }
  Error produce(ByteSink sink) const override {
    return sink(std::vector<uint8_t>(99));
  }
};

/// Says it has more bytes than there can be.
struct EndlessProducer : WeightProducer {
  int64_t getBytes() const override { return int64_t(1) << 62; }
  Error produce(ByteSink sink) const override { return Error::success(); }
};

TEST(WeightImage, HoldsProducersToTheirWord) {
  WeightImage image;
  EXPECT_EQ(cantFail(image.add(std::make_unique<ShortProducer>())), 0);
  Error error =
      image.produce([](ArrayRef<uint8_t>) { return Error::success(); });
  EXPECT_THAT(toString(std::move(error)),
              HasSubstr("99 bytes, but 100 were announced"));
  auto offset = image.add(std::make_unique<EndlessProducer>());
  ASSERT_FALSE(!!offset);
  EXPECT_THAT(toString(offset.takeError()), HasSubstr("exceed"));
}

TEST(WeightImage, StopsAtTheFirstErrorOfTheSink) {
  TemporaryFolder folder;
  auto source = folder.makeSource(std::vector<uint8_t>(18 * 64));
  WeightImage image;
  cantFail(image.addMatrix(Format::Q4_0, 64, 32, {source, 0, 18 * 64, "a"}));
  int calls = 0;
  Error error = image.produce([&](ArrayRef<uint8_t>) {
    ++calls;
    return createStringError(inconvertibleErrorCode(), "full");
  });
  EXPECT_EQ(toString(std::move(error)), "full");
  EXPECT_EQ(calls, 1);
}

TEST(SourceFile, SaysWhichFileCannotBeRead) {
  auto file = SourceFile::open("/nonexistent/model.gguf");
  ASSERT_FALSE(!!file);
  EXPECT_THAT(toString(file.takeError()),
              HasSubstr("/nonexistent/model.gguf: cannot read"));
}

} // namespace
