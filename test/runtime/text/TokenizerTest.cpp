//===- TokenizerTest.cpp --------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Tokenizer.h"

#include "Expect.h"
#include "MetadataBuilder.h"

#include <algorithm>
#include <random>

using namespace tokrt::text;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

Tokenizer make(const TinyVocabulary &vocabulary) {
  MetadataBuilder records = vocabulary.build();
  return Tokenizer(Metadata(records.bytes));
}

std::string refusalOf(const TinyVocabulary &vocabulary) {
  return failureOf([&] { make(vocabulary); });
}

std::vector<int32_t> encode(const TinyVocabulary &vocabulary,
                            std::string_view text, bool parseControl = false) {
  return make(vocabulary).encode(text, parseControl);
}

TEST(Tokenizer, MergesByRankThenFromTheLeft) {
  TinyVocabulary v;
  EXPECT_THAT(encode(v, "abab"), ElementsAre(v.id("abab")));
  EXPECT_THAT(encode(v, "ababab"), ElementsAre(v.id("abab"), v.id("ab")));
  EXPECT_THAT(encode(v, "aab"), ElementsAre(v.id("a"), v.id("ab")));
  // "a b" comes before "Ġ a", so the b is taken from behind the space.
  EXPECT_THAT(encode(v, " ab"), ElementsAre(v.id("Ġ"), v.id("ab")));
  EXPECT_THAT(encode(v, " ac"), ElementsAre(v.id("Ġa"), v.id("c")));
}

TEST(Tokenizer, MergesBytesOfOneCharacter) {
  TinyVocabulary v;
  EXPECT_THAT(encode(v, "é"), ElementsAre(v.id("Ã©")));
  EXPECT_EQ(make(v).decode(v.id("Ã©")), "é");
}

TEST(Tokenizer, KeepsInvalidBytesThatHaveTokens) {
  TinyVocabulary v;
  EXPECT_THAT(encode(v, "a\xc3"
                        "b"),
              ElementsAre(v.id("a"), v.id("Ã"), v.id("b")));
}

TEST(Tokenizer, LeavesOutBytesWithoutToken) {
  TinyVocabulary v;
  EXPECT_THAT(encode(v, "a\x01"
                        "b"),
              ElementsAre(v.id("a"), v.id("b")));
  EXPECT_THAT(encode(v, "\x01"), ElementsAre());
}

TEST(Tokenizer, ParsesControlTokensOnlyWhenAsked) {
  TinyVocabulary v;
  EXPECT_THAT(encode(v, "a<|im_end|>b", true),
              ElementsAre(v.id("a"), 1, v.id("b")));
  EXPECT_EQ(encode(v, "<|im_end|>", false).size(), 10u);
  EXPECT_EQ(encode(v, "<|im_en<|im_end|>", true).size(), 8u);
}

TEST(Tokenizer, AlwaysParsesUserDefinedTokens) {
  TinyVocabulary v;
  EXPECT_THAT(encode(v, "<tool>a", false), ElementsAre(2, v.id("a")));
  EXPECT_THAT(encode(v, "<tool><|im_end|>", true), ElementsAre(2, 1));
}

TEST(Tokenizer, TakesTheLongestOfSpecialTokens) {
  TinyVocabulary v;
  v.addToken("<tool>ab", 4);
  v.addToken("<tool>a", 4);
  EXPECT_THAT(encode(v, "<tool>ab"), ElementsAre(v.id("<tool>ab")));
  EXPECT_THAT(encode(v, "<tool>ac"), ElementsAre(v.id("<tool>a"), v.id("c")));
  EXPECT_THAT(encode(v, "<tool>"), ElementsAre(2));
}

TEST(Tokenizer, AddsTheBeginTokenOnce) {
  TinyVocabulary v;
  v.addBegin = true;
  EXPECT_THAT(encode(v, ""), ElementsAre(0));
  EXPECT_THAT(encode(v, "a"), ElementsAre(0, v.id("a")));
  EXPECT_THAT(encode(v, "<|endoftext|>a", true), ElementsAre(0, v.id("a")));
}

TEST(Tokenizer, FindsTheEndTokens) {
  TinyVocabulary v;
  v.end = 5;
  EXPECT_THAT(make(v).endTokens(), ElementsAre(0, 1, 5));
  v.types[0] = v.types[1] = 1; // no control tokens: only text that looks alike
  EXPECT_THAT(make(v).endTokens(), ElementsAre(5));
}

/// Byte-pair encoding as it is defined: looks at every pair for every merge.
std::vector<int32_t> encodeSlowly(const TinyVocabulary &v,
                                  std::string_view text) {
  std::vector<std::string> parts;
  for (char c : text)
    parts.emplace_back(1, c);
  while (true) {
    size_t rank = v.merges.size(), place = 0;
    for (size_t i = 0; i + 1 < parts.size(); ++i)
      for (size_t r = 0; r < rank; ++r)
        if (v.merges[r] == parts[i] + " " + parts[i + 1]) {
          rank = r;
          place = i;
        }
    if (rank == v.merges.size())
      break;
    parts[place] += parts[place + 1];
    parts.erase(parts.begin() + static_cast<ptrdiff_t>(place) + 1);
  }
  std::vector<int32_t> ids;
  for (const std::string &part : parts)
    ids.push_back(v.id(part));
  return ids;
}

TEST(Tokenizer, MergesAsTheDefinitionSays) {
  std::mt19937 random(1);
  for (int round = 0; round < 50; ++round) {
    // Random merges of earlier tokens, so that many overlap.
    TinyVocabulary v;
    v.merges.clear();
    std::vector<std::string> known = {"a", "b", "c"};
    while (known.size() < 30) {
      std::string left = known[random() % known.size()];
      std::string right = known[random() % known.size()];
      if (std::find(known.begin(), known.end(), left + right) != known.end())
        continue;
      known.push_back(left + right);
      v.merges.push_back(left + " " + right);
      if (v.id(left + right) < 0)
        v.addToken(left + right);
    }
    MetadataBuilder records = v.build();
    Tokenizer tokenizer{Metadata(records.bytes)};
    for (int i = 0; i < 20; ++i) {
      std::string text;
      for (size_t size = random() % 60; size; --size)
        text += "abc"[random() % 3];
      EXPECT_EQ(tokenizer.encode(text, false), encodeSlowly(v, text)) << text;
    }
  }
}

TEST(Tokenizer, EncodesALongWordInTime) {
  // Quadratic work would run into the time limit of the test.
  TinyVocabulary v;
  std::string text;
  for (int i = 0; i < 500000; ++i)
    text += "ab";
  EXPECT_EQ(encode(v, text).size(), 250000u);
}

TEST(Tokenizer, DecodesEveryKindOfToken) {
  TinyVocabulary v;
  v.addToken("Ġa€", 1); // "€" spells no byte, so this token is taken as it is
  v.addToken("[PAD]", 5);
  Tokenizer tokenizer = make(v);
  EXPECT_EQ(tokenizer.decode(v.id("Ġab")), " ab");
  EXPECT_EQ(tokenizer.decode(1), "<|im_end|>");
  EXPECT_EQ(tokenizer.decode(v.id("Ġa€")), "Ġa€");
  EXPECT_EQ(tokenizer.decode(v.id("[PAD]")), "");
  for (int32_t id : {-1, tokenizer.vocabulary().size(), INT32_MAX, INT32_MIN})
    EXPECT_THAT(failureOf([&] { tokenizer.decode(id); }),
                HasSubstr("found token id " + std::to_string(id)));
}

TEST(Tokenizer, RefusesOtherModels) {
  TinyVocabulary v;
  v.model = "llama";
  EXPECT_THAT(refusalOf(v), HasSubstr("'tokenizer.ggml.model': found 'llama', "
                                      "expected 'gpt2'"));
}

TEST(Tokenizer, RefusesMergesThatMakeNoToken) {
  TinyVocabulary v;
  v.merges.push_back("x y");
  EXPECT_THAT(refusalOf(v), HasSubstr("entry 5 ('x y') makes a token that is "
                                      "not in 'tokenizer.ggml.tokens'"));
}

TEST(Tokenizer, FindsTokensThatAreNotInTheOrderOfMerges) {
  TinyVocabulary v;
  std::reverse(v.tokens.begin(), v.tokens.end());
  std::reverse(v.types.begin(), v.types.end());
  EXPECT_THAT(encode(v, "abab"), ElementsAre(v.id("abab")));
  EXPECT_THAT(encode(v, "é a"), ElementsAre(v.id("Ã©"), v.id("Ġa")));
}

TEST(Tokenizer, NeverUsesAMergeOfUnknownTokens) {
  TinyVocabulary v;
  v.addToken("azz");
  v.merges.push_back("a zz");
  EXPECT_THAT(encode(v, "azz"), ElementsAre(v.id("a"), v.id("z"), v.id("z")));
}

TEST(Tokenizer, RefusesMergesThatAreNoPairs) {
  for (const char *merge : {"", "a", "ab", "a ", " ", " a", "ab "}) {
    TinyVocabulary v;
    v.merges.push_back(merge);
    EXPECT_THAT(refusalOf(v), HasSubstr("expected two tokens with a space"))
        << merge;
  }
}

TEST(Tokenizer, TakesTheEarlierOfTwoMergesOfAPair) {
  TinyVocabulary v;
  v.merges.push_back("a b");
  EXPECT_THAT(encode(v, " ab"), ElementsAre(v.id("Ġ"), v.id("ab")));
}

TEST(Tokenizer, RefusesTypesThatDoNotFit) {
  TinyVocabulary v;
  v.types.pop_back();
  EXPECT_THAT(refusalOf(v),
              HasSubstr("expected one for each of the 105 tokens"));
  v.types.push_back(7);
  EXPECT_THAT(refusalOf(v), HasSubstr("entry 104 is 7, expected 0 to 6"));
  v.types.back() = -1;
  EXPECT_THAT(refusalOf(v), HasSubstr("entry 104 is -1"));
}

TEST(Tokenizer, RefusesSpecialTokensOfEndlessName) {
  TinyVocabulary v;
  v.addToken(std::string(256, 'x'), 3);
  EXPECT_EQ(encode(v, std::string(257, 'x'), true).size(), 2u);
  v.addToken(std::string(257, 'x'), 3);
  EXPECT_THAT(refusalOf(v), HasSubstr("entry 106, a special token, has 257 "
                                      "bytes, expected at most 256"));
}

TEST(Tokenizer, RefusesIdsOutOfTheVocabulary) {
  TinyVocabulary v;
  v.end = 105;
  EXPECT_THAT(refusalOf(v), HasSubstr("'tokenizer.ggml.eos_token_id': found "
                                      "105, expected less than 105"));
}

TEST(Tokenizer, RefusesAnEmptyVocabulary) {
  TinyVocabulary v;
  v.tokens.clear();
  EXPECT_THAT(refusalOf(v), HasSubstr("found 0 tokens, expected 1 to"));
}

TEST(Tokenizer, RefusesToAddABeginTokenItDoesNotKnow) {
  MetadataBuilder records;
  records.add("tokenizer.ggml.model", "gpt2");
  records.add("tokenizer.ggml.pre", "qwen2");
  records.add("tokenizer.ggml.tokens", std::vector<std::string>{"a"});
  records.add("tokenizer.ggml.merges", std::vector<std::string>{});
  records.add("tokenizer.ggml.add_bos_token", true);
  EXPECT_THAT(failureOf([&] { Tokenizer(Metadata(records.bytes)); }),
              HasSubstr("there is no 'tokenizer.ggml.bos_token_id'"));
}

} // namespace
