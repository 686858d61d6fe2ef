//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What computed weights give to the image, and what is refused. The numbers of
// every format are compared with the reference backend's definitions in
// test/lib/Reference/WeightsTest.cpp; here stand those that can be worked out
// on paper.
//
//===----------------------------------------------------------------------===//

#include "tokopt/WeightExpression.h"
#include "TemporaryFolder.h"
#include "lib/Bundle/Blocks.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/bit.h"
#include "gmock/gmock.h"
#include <cmath>
#include <cstring>
#include <random>

using namespace llvm;
using namespace tokopt;
using namespace tokopt::test;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

using Bytes = std::vector<uint8_t>;
using Value = WeightExpression::Value;

constexpr Format kFormats[] = {Format::F32,  Format::F16,  Format::BF16,
                               Format::Q4_0, Format::Q4_1, Format::Q5_0,
                               Format::Q8_0, Format::Q4_K, Format::Q6_K};

Bytes toBytes(ArrayRef<float> values) {
  Bytes bytes(values.size() * 4);
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

/// All bytes of a producer, or the message of its error.
Expected<Bytes> collect(const WeightProducer &producer) {
  Bytes bytes;
  if (Error error = producer.produce([&](ArrayRef<uint8_t> piece) {
        llvm::append_range(bytes, piece);
        return Error::success();
      }))
    return error;
  EXPECT_EQ(static_cast<int64_t>(bytes.size()), producer.getBytes());
  return bytes;
}

template <typename T>
std::string getMessage(Expected<T> result) {
  return result ? "no error" : toString(result.takeError());
}

struct WeightExpressionTest : testing::Test {
  TemporaryFolder folder;
  int files = 0;

  SourceRange makeRange(const Bytes &bytes) {
    std::string name = "file" + std::to_string(files++);
    return {cantFail(SourceFile::open(folder.write(name, bytes))), 0,
            bytes.size(), "w"};
  }
  Value addValues(WeightExpression &expression, int64_t rows, int64_t columns,
                  ArrayRef<float> values) {
    return cantFail(expression.addSource(Format::F32, rows, columns,
                                         makeRange(toBytes(values))));
  }
  /// The bytes of `values`, one row, in `format`.
  Expected<Bytes> quantize(ArrayRef<float> values, Format format) {
    WeightExpression expression("w");
    Value source = addValues(expression, 1, values.size(), values);
    cantFail(expression.addQuantize(source, format));
    return collect(*makeRawProducer(std::move(expression)));
  }
};

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

TEST(Blocks, WidensEveryHalf) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    APFloat half(APFloat::IEEEhalf(), APInt(16, bits));
    bool lost;
    half.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &lost);
    ASSERT_EQ(bit_cast<uint32_t>(widenHalf(bits)),
              half.bitcastToAPInt().getZExtValue())
        << bits;
  }
}

TEST(Blocks, RoundsToTheNearestHalf) {
  auto check = [](uint32_t bits) {
    APFloat value(APFloat::IEEEsingle(), APInt(32, bits));
    bool lost;
    value.convert(APFloat::IEEEhalf(), APFloat::rmNearestTiesToEven, &lost);
    uint16_t found = roundToHalf(bit_cast<float>(bits));
    if (value.isNaN())
      ASSERT_EQ(found & 0x7e00, 0x7e00) << bits;
    else
      ASSERT_EQ(found, value.bitcastToAPInt().getZExtValue()) << bits;
  };
  // Every half, the middle to its neighbour, and both sides of each: ties, the
  // step from denormals to normal numbers, and the one to infinity.
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    uint32_t wide = bit_cast<uint32_t>(widenHalf(bits));
    uint32_t unit = (wide & 0x7fffffff) < 0x38800000 ? 0 : 0x1000;
    for (uint32_t around : {wide, wide + unit})
      for (int64_t step : {-1, 0, 1})
        check(around + static_cast<uint32_t>(step));
  }
  std::mt19937 draw(3);
  for (int i = 0; i < 200000; ++i)
    check(draw());
  // Where halves are denormal: multiples of a quarter of the smallest.
  for (int i = 0; i < 5000; ++i)
    for (float sign : {1.0f, -1.0f})
      check(bit_cast<uint32_t>(sign * std::ldexp(static_cast<float>(i), -26)));
}

TEST_F(WeightExpressionTest, RoundsToTheNearestInBF16) {
  std::vector<float> values;
  std::mt19937 draw(5);
  for (uint32_t bits = 0; bits < 0x7f70; bits += 7)
    for (uint32_t rest : {0u, 1u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu})
      for (uint32_t sign : {0u, 0x80000000u})
        if (float value = bit_cast<float>(bits << 16 | rest | sign);
            std::fabs(value) >= 0x1p-125f)
          values.push_back(value);
  Bytes found = cantFail(quantize(values, Format::BF16));
  for (size_t i = 0; i < values.size(); ++i) {
    APFloat value(values[i]);
    bool lost;
    value.convert(APFloat::BFloat(), APFloat::rmNearestTiesToEven, &lost);
    ASSERT_EQ(found[2 * i] | found[2 * i + 1] << 8,
              static_cast<int>(value.bitcastToAPInt().getZExtValue()))
        << values[i];
  }
}

TEST_F(WeightExpressionTest, RoundsHalfAwayFromZeroInQ8_0) {
  std::vector<float> values(32);
  values[0] = -127; // so the scale is 1
  values[1] = 2.5;
  values[2] = -2.5;
  values[3] = 2.49;
  Bytes block = cantFail(quantize(values, Format::Q8_0));
  EXPECT_THAT(ArrayRef(block).take_front(7),
              ElementsAre(0x00, 0x3c, 0x81, 3, 0xfd, 2, 0));
}

TEST_F(WeightExpressionTest, TakesTheFirstExtremeInQ4_0) {
  std::vector<float> values(32);
  values[1] = 4;
  values[2] = -4;
  Bytes block = cantFail(quantize(values, Format::Q4_0));
  // d = 4 / -8: 4 is number 0, -4 would be 16 and is 15, 0 is 8.
  EXPECT_THAT(ArrayRef(block).take_front(5),
              ElementsAre(0x00, 0xb8, 0x88, 0x80, 0x8f));
}

TEST_F(WeightExpressionTest, KeepsTheFifthBitsOfQ5_0) {
  std::vector<float> values(32);
  values[0] = -16; // d = 1
  values[1] = 15;
  values[17] = -1;
  Bytes block = cantFail(quantize(values, Format::Q5_0));
  // Numbers 0, 31, 16 (the zeroes) and, at 17, 15.
  EXPECT_THAT(ArrayRef(block).take_front(8),
              ElementsAre(0x00, 0x3c, 0xfe, 0xff, 0xfd, 0xff, 0x00, 0xff));
}

TEST_F(WeightExpressionTest, BeginsAtTheLeastInQ4_1) {
  std::vector<float> values(32, 2);
  values[1] = 17; // d = 1, m = 2
  values[16] = 4.5;
  Bytes block = cantFail(quantize(values, Format::Q4_1));
  EXPECT_THAT(ArrayRef(block).take_front(7),
              ElementsAre(0x00, 0x3c, 0x00, 0x40, 0x30, 0x0f, 0x00));
}

TEST_F(WeightExpressionTest, RefusesWhatHasNoNumber) {
  auto refuse = [&](float value, Format format) {
    std::vector<float> values(64, 1);
    values[40] = value;
    return getMessage(quantize(values, format));
  };
  for (Format format : {Format::Q4_0, Format::Q4_1, Format::Q5_0, Format::Q8_0})
    for (float value : {NAN, INFINITY, -INFINITY, 3e38f})
      EXPECT_THAT(refuse(value, format),
                  HasSubstr("weight 'w': row 0, from column 32 on: cannot be "
                            "rounded to "));
  EXPECT_THAT(refuse(NAN, Format::Q8_0), HasSubstr("found a NaN"));
  EXPECT_THAT(refuse(1e9f, Format::Q8_0),
              HasSubstr("too large for the f16 scales of q8_0"));
  EXPECT_THAT(refuse(65520, Format::F16),
              HasSubstr("column 40 on: cannot be rounded to f16: found a "
                        "magnitude of 6.55"));
  // A minimum that is too large where the range is not.
  EXPECT_THAT(getMessage(quantize(std::vector<float>(32, -1e6f), Format::Q4_1)),
              HasSubstr("too large"));
  EXPECT_EQ(refuse(65519, Format::F16), "no error");
  for (float value : {NAN, INFINITY, -0x1.ffp127f})
    EXPECT_THAT(refuse(value, Format::BF16),
                HasSubstr("column 40 on: cannot be rounded to bf16: found "));
  EXPECT_EQ(refuse(0x1.fep127f, Format::BF16), "no error");
  EXPECT_EQ(refuse(INFINITY, Format::F32), "no error");
}

//===----------------------------------------------------------------------===//
// What the image gets
//===----------------------------------------------------------------------===//

TEST_F(WeightExpressionTest, GivesWhatACopyWouldGive) {
  // The last panel has one row.
  constexpr int64_t kRows = 33, kColumns = 512;
  std::mt19937 draw(2);
  for (Format format : kFormats) {
    const FormatInfo &info = getFormatInfo(format);
    Bytes source(kRows * (kColumns / info.blockColumns) *
                 info.sourceBlockBytes);
    for (uint8_t &byte : source)
      byte = draw();
    SourceRange range = makeRange(source);
    auto make = [&] {
      WeightExpression expression("w");
      cantFail(expression.addSource(format, kRows, kColumns, range));
      return expression;
    };
    auto copied = cantFail(makeMatrixProducer(format, kRows, kColumns, range));
    EXPECT_EQ(cantFail(collect(*makeMatrixProducer(make()))),
              cantFail(collect(*copied)))
        << info.name.str();
    EXPECT_EQ(cantFail(collect(*makeRawProducer(make()))), source)
        << info.name.str();
  }
}

TEST_F(WeightExpressionTest, GivesVectorsAsTheCopyDoes) {
  std::vector<float> values(20);
  for (auto [index, value] : llvm::enumerate(values))
    value = static_cast<float>(index) - 7.25f;
  SourceRange range = makeRange(toBytes(values));
  WeightExpression plain("w"), half("w");
  cantFail(plain.addSource(Format::F32, 1, 20, range));
  Value source = cantFail(half.addSource(Format::F32, 1, 20, range));
  cantFail(half.addQuantize(source, Format::F16));
  Bytes expected =
      cantFail(collect(*cantFail(makeVectorProducer(Format::F32, 20, range))));
  EXPECT_EQ(expected.size(), 128u);
  EXPECT_EQ(cantFail(collect(*cantFail(makeVectorProducer(std::move(plain))))),
            expected);
  // These values are halves, and a vector is packed as f32 from either.
  EXPECT_EQ(cantFail(collect(*cantFail(makeVectorProducer(std::move(half))))),
            expected);
}

TEST_F(WeightExpressionTest, ComputesRowsFromAllValuesThatTheyNeed) {
  std::vector<float> rows(3 * 32, 1), scale(32, 1);
  rows[0] = 127;
  rows[32] = -254;
  rows[64] = 63.5;
  scale[1] = 3;
  WeightExpression expression("w");
  Value source = addValues(expression, 3, 32, rows);
  Value factors = addValues(expression, 1, 32, scale);
  // Computed again from a format, and one value twice.
  Value rounded = cantFail(expression.addQuantize(source, Format::Q8_0));
  Value wide = cantFail(expression.addDequantize(rounded));
  Value once = cantFail(expression.addScaleColumns(wide, factors));
  cantFail(expression.addScaleColumns(once, factors));
  // Added last, and not what the weight is.
  Value last = addValues(expression, 1, 32, scale);
  ASSERT_EQ(expression.getRows(), 1);
  expression.setResult(last - 1);
  EXPECT_EQ(expression.getRows(), 3);
  Bytes bytes = cantFail(collect(*makeRawProducer(std::move(expression))));
  std::vector<float> found(3 * 32);
  ASSERT_EQ(bytes.size(), found.size() * 4);
  std::memcpy(found.data(), bytes.data(), bytes.size());
  EXPECT_THAT(ArrayRef(found).slice(0, 3), ElementsAre(127, 9, 1));
  // In steps of 2: 1 is rounded away from zero.
  EXPECT_THAT(ArrayRef(found).slice(32, 3), ElementsAre(-254, 18, 2));
  EXPECT_THAT(ArrayRef(found).slice(64, 3), ElementsAre(63.5, 9, 1));
}

TEST_F(WeightExpressionTest, StopsAtTheFirstErrorOfTheSink) {
  WeightExpression expression("w");
  addValues(expression, 3, 32, std::vector<float>(96));
  auto producer = makeRawProducer(std::move(expression));
  int calls = 0;
  Error error = producer->produce([&](ArrayRef<uint8_t> piece) {
    ++calls;
    // A row, not the tensor.
    EXPECT_EQ(piece.size(), 128u);
    return createStringError(inconvertibleErrorCode(), "full");
  });
  EXPECT_EQ(toString(std::move(error)), "full");
  EXPECT_EQ(calls, 1);
}

//===----------------------------------------------------------------------===//
// What is refused
//===----------------------------------------------------------------------===//

TEST_F(WeightExpressionTest, RefusesRangesThatDoNotFit) {
  SourceRange range = makeRange(Bytes(100));
  auto add = [&](int64_t rows, int64_t columns, uint64_t offset,
                 uint64_t bytes) {
    WeightExpression expression("w");
    range.offset = offset;
    range.bytes = bytes;
    return getMessage(expression.addSource(Format::Q4_0, rows, columns, range));
  };
  EXPECT_EQ(add(5, 32, 10, 90), "no error");
  EXPECT_THAT(add(5, 32, 11, 90), HasSubstr("past the end of the file"));
  EXPECT_THAT(add(5, 32, ~uint64_t(0) - 10, 90), HasSubstr("past the end"));
  EXPECT_THAT(add(5, 32, 0, 89), HasSubstr("has 89 bytes of data"));
  EXPECT_THAT(add(5, 33, 0, 90), HasSubstr("a positive multiple of 32 for q4_0"
                                           ", but got 5 x 33"));
  EXPECT_THAT(add(0, 32, 0, 0), HasSubstr("expects positive rows"));
  EXPECT_THAT(add(int64_t(1) << 40, int64_t(1) << 40, 0, 90),
              HasSubstr("less than 2^62 bytes"));
}

TEST_F(WeightExpressionTest, RefusesOperandsThatDoNotFit) {
  WeightExpression expression("w");
  Value matrix = addValues(expression, 2, 256, std::vector<float>(512));
  Value narrow = addValues(expression, 1, 32, std::vector<float>(32));
  Value half = cantFail(expression.addQuantize(matrix, Format::F16));
  for (Format format : {Format::Q4_K, Format::Q6_K})
    EXPECT_THAT(getMessage(expression.addQuantize(matrix, format)),
                HasSubstr("whose scales are found by a search"));
  EXPECT_THAT(getMessage(expression.addQuantize(half, Format::Q8_0)),
              HasSubstr("expects f32 to round to q8_0, but got f16"));
  for (auto [left, right] :
       {std::pair{matrix, narrow}, {matrix, matrix}, {half, narrow}})
    EXPECT_THAT(
        getMessage(expression.addScaleColumns(left, right)),
        HasSubstr("expects f32 and an f32 for each of its 256 columns"));
  WeightExpression odd("w");
  Value columns = addValues(odd, 1, 33, std::vector<float>(33));
  EXPECT_THAT(getMessage(odd.addQuantize(columns, Format::Q8_0)),
              HasSubstr("but got 1 x 33"));
}

TEST_F(WeightExpressionTest, RefusesVectorsOfBlocks) {
  WeightExpression blocks("w"), matrix("w");
  cantFail(blocks.addQuantize(addValues(blocks, 1, 32, std::vector<float>(32)),
                              Format::Q8_0));
  addValues(matrix, 2, 32, std::vector<float>(64));
  EXPECT_THAT(getMessage(makeVectorProducer(std::move(blocks))),
              HasSubstr("expects a vector of f32 or f16, but got 1 x 32 in "
                        "q8_0"));
  EXPECT_THAT(getMessage(makeVectorProducer(std::move(matrix))),
              HasSubstr("but got 2 x 32 in f32"));
}

} // namespace
