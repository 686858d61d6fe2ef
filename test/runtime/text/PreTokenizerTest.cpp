//===- PreTokenizerTest.cpp -----------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PreTokenizer.h"

#include "Expect.h"

using namespace tokrt::text;
using testing::HasSubstr;

namespace {

using List = std::vector<std::string>;

List cut(std::string_view name, std::string_view text) {
  PreTokenizer preTokenizer(name);
  PreTokenizer::Words words(preTokenizer, text);
  List list;
  for (std::string_view word; words.next(word);)
    list.emplace_back(word);
  return list;
}

TEST(PreTokenizer, SmollmTakesEachDigitAlone) {
  EXPECT_EQ(cut("smollm", "a12 34"), (List{"a", "1", "2", " ", "3", "4"}));
}

TEST(PreTokenizer, SmollmKeepsSpacesBeforeADigitTogether) {
  EXPECT_EQ(cut("smollm", "a   1"), (List{"a", "   ", "1"}));
  EXPECT_EQ(cut("smollm", "a   b"), (List{"a", "  ", " b"}));
}

TEST(PreTokenizer, SmollmKnowsOnlyLowerCaseContractions) {
  EXPECT_EQ(cut("smollm", "I'll I'LL"), (List{"I", "'ll", " I", "'", "LL"}));
}

TEST(PreTokenizer, Qwen2KnowsContractionsOfEitherCase) {
  EXPECT_EQ(cut("qwen2", "I'll I'LL"), (List{"I", "'ll", " I", "'LL"}));
}

TEST(PreTokenizer, Qwen2JoinsPunctuationToWordsAndLineEnds) {
  EXPECT_EQ(cut("qwen2", "(word);\n\nx"), (List{"(word", ");\n\n", "x"}));
  EXPECT_EQ(cut("qwen2", "a \n b"), (List{"a", " \n", " b"}));
  EXPECT_EQ(cut("qwen2", "a  "), (List{"a", "  "}));
}

TEST(PreTokenizer, MongolianVowelSeparatorIsNoSpace) {
  // Unicode took U+180E out of White_Space in version 6.3.
  EXPECT_EQ(cut("smollm", "!\u180e!"), (List{"!\u180e!"}));
  EXPECT_EQ(cut("smollm", "!\u2003!"), (List{"!", "\u2003", "!"}));
}

TEST(PreTokenizer, InvalidBytesAreWordsOfTheirOwn) {
  for (const char *name : {"smollm", "qwen2"}) {
    EXPECT_EQ(cut(name, "ab\xff\xfe"
                        "cd"),
              (List{"ab", "\xff\xfe", "cd"}));
    EXPECT_EQ(cut(name, "\xe2\x82"), (List{"\xe2\x82"}));
    EXPECT_EQ(cut(name, "\xc3\xc3\xa9"), (List{"\xc3", "é"}));
  }
}

TEST(PreTokenizer, LosesNothingOfLongRuns) {
  // Each of these makes the pattern step back through the whole run.
  for (const char *name : {"smollm", "qwen2"})
    for (const char *unit : {" ", "a", "\n", "!", "\t \n", "é", "\u3000"}) {
      std::string text;
      while (text.size() < 1 << 20)
        text += unit;
      text += "x ";
      std::string joined;
      for (const std::string &word : cut(name, text))
        joined += word;
      EXPECT_EQ(joined.size(), text.size());
      EXPECT_TRUE(joined == text);
    }
}

TEST(PreTokenizer, PassesPcresLimitOnSteppingBack) {
  std::string spaces(11 << 20, ' ');
  EXPECT_EQ(cut("qwen2", spaces).size(), 1u);
}

TEST(PreTokenizer, NamesWhatItKnows) {
  EXPECT_THAT(failureOf([] { PreTokenizer("llama-bpe"); }),
              HasSubstr("'tokenizer.ggml.pre': found 'llama-bpe', expected one "
                        "of 'smollm', 'qwen2'"));
}

} // namespace
