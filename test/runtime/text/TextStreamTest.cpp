//===- TextStreamTest.cpp -------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TextStream.h"

#include "Expect.h"

using namespace tokrt::text;

namespace {

using List = std::vector<std::string>;

/// What each piece gives, then what the end gives.
List stream(const List &pieces) {
  TextStream stream;
  List out;
  for (const std::string &piece : pieces)
    out.emplace_back(stream.push(piece));
  out.emplace_back(stream.finish());
  return out;
}

TEST(TextStream, HoldsACharacterBackUntilItIsWhole) {
  EXPECT_EQ(stream({"a\xf0", "\x9f\x98", "\x80z"}), (List{"a", "", "😀z", ""}));
  EXPECT_EQ(stream({"\xc3", "\xa9\xe2", "\x82", "\xac"}),
            (List{"", "é", "", "€", ""}));
}

TEST(TextStream, ReplacesBytesOfNoCharacter) {
  EXPECT_EQ(stream({"a\xff\x80z"}), (List{"a\uFFFD\uFFFDz", ""}));
  EXPECT_EQ(stream({"\xe2\x82", "z"}), (List{"", "\uFFFDz", ""}));
  EXPECT_EQ(stream({"\xf0\x9f", "\xf0\x9f\x98\x80"}),
            (List{"", "\uFFFD😀", ""}));
}

TEST(TextStream, GivesWhatItHeldAtTheEnd) {
  TextStream stream;
  EXPECT_EQ(stream.push("\xf0\x9f\x98"), "");
  EXPECT_EQ(stream.finish(), "\uFFFD");
  EXPECT_EQ(stream.finish(), "");
  EXPECT_EQ(stream.push("\x80"), "\uFFFD"); // nothing was left over
}

TEST(TextStream, GivesTheSameHoweverItIsCut) {
  const std::string text = "é😀\xff€\xe2\x82\xf4\x90\x80\x80 end\xed\xa0\x80";
  TextStream whole;
  std::string expected(whole.push(text));
  expected += whole.finish();
  for (size_t first = 0; first <= text.size(); ++first)
    for (size_t second = first; second <= text.size(); ++second) {
      TextStream cut;
      std::string out(cut.push(text.substr(0, first)));
      out += cut.push(text.substr(first, second - first));
      out += cut.push(text.substr(second));
      out += cut.finish();
      EXPECT_EQ(out, expected);
    }
}

} // namespace
