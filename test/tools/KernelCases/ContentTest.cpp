//===- ContentTest.cpp - Numbers and files of cases -----------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/KernelCases/Content.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <set>

using namespace cases;

namespace {

double decodeBits(uint16_t bits, Element element) {
  return decode(reinterpret_cast<const uint8_t *>(&bits), element);
}

/// A buffer with numbers of one kind.
Buffer filled(const char *name, Element element, int exponent) {
  Buffer buffer;
  buffer.name = name;
  buffer.bytes = 4096;
  buffer.period = 1000;
  buffer.parts = {{0, 1000, element, exponent}};
  return buffer;
}

std::vector<uint8_t> contents(const Buffer &buffer) {
  return contentsOf(buffer, [](const std::string &name) -> uint64_t {
    return name == "there" ? 0x1000 : 0x2000;
  });
}

} // namespace

TEST(Content, decodes_numbers) {
  EXPECT_EQ(decodeBits(0x3c00, Element::F16), 1);
  EXPECT_EQ(decodeBits(0xc500, Element::F16), -5);
  EXPECT_EQ(decodeBits(0x0001, Element::F16), 0x1p-24);
  EXPECT_EQ(decodeBits(0x7bff, Element::F16), 65504);
  EXPECT_EQ(decodeBits(0xfc00, Element::F16), -INFINITY);
  EXPECT_TRUE(std::isnan(decodeBits(0x7e00, Element::F16)));
  EXPECT_EQ(decodeBits(0x3f80, Element::BF16), 1);
  EXPECT_EQ(decodeBits(0xc0a0, Element::BF16), -5);
  EXPECT_EQ(decodeBits(0x0001, Element::BF16), 0x1p-133);
  EXPECT_TRUE(std::isnan(decodeBits(0xffff, Element::BF16)));
}

/// What is made up is exact in its type, in its range, and not twice the same.
TEST(Content, makes_numbers_up) {
  struct {
    Element element;
    double unit, least, most;
    size_t distinct; // of the numbers that there are
  } kinds[] = {
      {Element::F32, 0x1p-21, -4, 4, 240}, {Element::F16, 0x1p-8, -4, 4, 350},
      {Element::BF16, 0x1p-5, -4, 4, 150}, {Element::Scale, 0x1p-21, 2, 4, 240},
      {Element::I8, 1, -127, 127, 200},    {Element::U6, 1, 0, 63, 60}};
  for (const auto &kind : kinds) {
    SCOPED_TRACE(static_cast<int>(kind.element));
    std::vector<uint8_t> data = contents(filled("x", kind.element, 2));
    ASSERT_EQ(data.size(), 1000u);
    std::set<double> seen;
    double sum = 0;
    uint64_t each = sizeOf(kind.element);
    for (size_t at = 0; at < data.size(); at += each) {
      double value = decode(data.data() + at, kind.element);
      ASSERT_GE(value, kind.least);
      ASSERT_LE(value, kind.most);
      ASSERT_EQ(std::fmod(value, kind.unit), 0) << value;
      seen.insert(value);
      sum += value;
    }
    EXPECT_GE(seen.size(), kind.distinct);
    double middle = (kind.least + kind.most) / 2;
    EXPECT_NEAR(sum * each / 1000, middle, (kind.most - kind.least) / 10);
    EXPECT_EQ(data, contents(filled("x", kind.element, 2)));
    EXPECT_NE(data, contents(filled("y", kind.element, 2)));
  }
}

TEST(Content, fills_what_parts_leave) {
  Buffer buffer;
  buffer.bytes = 16;
  buffer.fill = 0xab;
  buffer.parts = {{4, 8, Element::I8, 0}};
  std::vector<uint8_t> data = contents(buffer);
  for (size_t at : {0, 3, 12, 15})
    EXPECT_EQ(data[at], 0xab) << at;
  buffer.parts.clear();
  buffer.bytes = uint64_t(1) << 40;
  EXPECT_LE(contents(buffer).size(), size_t(1) << 20);
}

/// A file that is wrong must not be written beyond.
TEST(Content, ends_where_the_buffer_does) {
  Buffer buffer;
  buffer.bytes = 9;
  buffer.period = 64;
  buffer.parts = {{3, 60, Element::F32, 0}, {1000, 4, Element::I8, 0}};
  EXPECT_EQ(contents(buffer).size(), 9u);
  EXPECT_EQ(contents(buffer)[8], 0xff);
  buffer.words.resize(5);
  buffer.integers.resize(7);
  EXPECT_EQ(contents(buffer).size(), 9u);
}

TEST(Content, writes_words_and_integers) {
  Buffer buffer;
  buffer.bytes = 24;
  buffer.words = {{"there", 8}, {"", 7}, {"elsewhere", 0}};
  std::vector<uint8_t> data = contents(buffer);
  uint64_t words[3];
  memcpy(words, data.data(), sizeof words);
  EXPECT_EQ(words[0], 0x1008u);
  EXPECT_EQ(words[1], 7u);
  EXPECT_EQ(words[2], 0x2000u);
  buffer.words.clear();
  buffer.bytes = 8;
  buffer.integers = {-1, 5};
  data = contents(buffer);
  int32_t integers[2];
  memcpy(integers, data.data(), sizeof integers);
  EXPECT_EQ(integers[0], -1);
  EXPECT_EQ(integers[1], 5);
}

TEST(Content, finds_the_first_difference) {
  Check check{"y", 64, Element::F32, 3};
  float found[] = {1, 2, 3};
  float expected[] = {1, 0, 2.25f, 0.5f, 3, 0};
  auto *bytes = reinterpret_cast<const uint8_t *>(found);
  double worst = 0;
  EXPECT_EQ(findDifference(check, bytes, expected, worst), "");
  EXPECT_EQ(worst, 0.5);
  found[2] = NAN;
  found[1] = 2.8f;
  EXPECT_EQ(findDifference(check, bytes, expected, worst),
            "y: the element at byte 68 is 2.79999995, expected 2.25, give or "
            "take 0.5");
  found[1] = 2;
  EXPECT_EQ(findDifference(check, bytes, expected, worst),
            "y: the element at byte 72 is nan, expected 3, give or take 0");
}

TEST(Content, goes_through_a_file) {
  Folder folder;
  folder.source = "here";
  Case given;
  given.name = "a";
  given.kernel = "k";
  given.images = {{"sm_80.cubin", {1, 5, 1}, 64, 0, 3},
                  {"sm_90a.cubin",
                   {1, 5, 1},
                   64,
                   0,
                   3,
                   {{{"x", 64}, Element::BF16, {16, 8}, {8, 4}, {32}, 0}}}};
  given.buffers = {filled("x", Element::BF16, -3)};
  given.buffers[0].words = {{"x", 1}, {"", UINT64_MAX}};
  given.arguments = {{"x", 0}, {"", 9}};
  given.checks = {{"x", 4, Element::F16, 2}};
  given.timing.bytes = 11;
  given.timing.title = "title";
  folder.cases = {given};
  std::string text = toJson(folder), error;
  Folder read;
  ASSERT_TRUE(fromJson(text, read, error)) << error;
  EXPECT_EQ(toJson(read), text);
  ASSERT_EQ(read.cases.size(), 1u);
  EXPECT_EQ(read.cases[0].buffers[0].words[1].value, UINT64_MAX);
  EXPECT_EQ(read.cases[0].arguments[0].buffer, "x");
  EXPECT_EQ(read.cases[0].images[0].grid[1], 5u);
  const TensorMap &map = read.cases[0].images[1].maps[0];
  EXPECT_EQ(map.address.value, 64u);
  EXPECT_EQ(map.element, Element::BF16);
  EXPECT_EQ(map.sizes, (std::vector<uint64_t>{16, 8}));
  EXPECT_EQ(map.box, (std::vector<uint32_t>{8, 4}));
  EXPECT_FALSE(fromJson("{}", read, error));
  EXPECT_NE(error, "");
}

/// Whole numbers, where the bits are as many as the exponent says.
TEST(Content, makes_whole_numbers_up) {
  for (Element element : {Element::F16, Element::BF16}) {
    Buffer buffer = filled("x", element, 3);
    buffer.parts[0].bits = 3;
    std::vector<uint8_t> data = contents(buffer);
    std::set<double> found;
    for (size_t at = 0; at < 1000; at += 2)
      found.insert(decode(data.data() + at, element));
    EXPECT_EQ(found.size(), 16u);
    EXPECT_EQ(*found.begin(), -8);
    EXPECT_EQ(*found.rbegin(), 7);
  }
}
