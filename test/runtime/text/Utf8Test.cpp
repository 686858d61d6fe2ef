//===- Utf8Test.cpp -------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Utf8.h"

#include "Expect.h"

using namespace tokrt::text;

namespace {

TEST(Utf8, ReadsTheBoundariesOfEachLength) {
  for (char32_t value : {0u, 0x7fu, 0x80u, 0x7ffu, 0x800u, 0xd7ffu, 0xe000u,
                         0xffffu, 0x10000u, 0x10ffffu}) {
    std::string bytes;
    appendUtf8(bytes, value);
    Utf8Unit unit = readUtf8(bytes + "x");
    EXPECT_EQ(unit.kind, Utf8Unit::Character);
    EXPECT_EQ(unit.size, bytes.size());
    EXPECT_EQ(unit.value, value);
    EXPECT_EQ(wellFormedPrefix(bytes), bytes.size());
    for (size_t size = 1; size < bytes.size(); ++size) {
      Utf8Unit cut = readUtf8(std::string_view(bytes).substr(0, size));
      EXPECT_EQ(cut.kind, Utf8Unit::Cut);
      EXPECT_EQ(cut.size, size);
    }
  }
}

TEST(Utf8, RefusesWhatIsNoScalarValue) {
  for (std::string_view bytes :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80",
        "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
    Utf8Unit unit = readUtf8(bytes);
    EXPECT_EQ(unit.kind, Utf8Unit::Broken) << testing::PrintToString(bytes);
    EXPECT_EQ(unit.size, 1);
    EXPECT_EQ(wellFormedPrefix(bytes), 0u);
  }
}

TEST(Utf8, BreaksAfterTheLongestGoodStart) {
  EXPECT_EQ(readUtf8("\xe2\x82x").size, 2);
  EXPECT_EQ(readUtf8("\xf0\x9f\x98x").size, 3);
  EXPECT_EQ(readUtf8("\xf0\x9f\x98x").kind, Utf8Unit::Broken);
}

TEST(Utf8, FindsTheFirstBadByteBehindFastAscii) {
  std::string text(37, 'a');
  for (size_t i = 0; i < text.size(); ++i) {
    std::string bad = text;
    bad[i] = '\xff';
    EXPECT_EQ(wellFormedPrefix(bad), i);
  }
}

TEST(Utf8, CountsCharacters) {
  EXPECT_EQ(countCharacters(""), 0u);
  EXPECT_EQ(countCharacters("aé€😀"), 4u);
  EXPECT_EQ(countCharacters("\xff\xe2\x82"), 2u);
}

TEST(Utf8, WritesReplacementForSurrogates) {
  std::string out;
  appendUtf8(out, 0xd800);
  appendUtf8(out, 0x110000);
  EXPECT_EQ(out, "\uFFFD\uFFFD");
}

} // namespace
