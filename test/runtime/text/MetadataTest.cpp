//===- MetadataTest.cpp ---------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Metadata.h"

#include "Expect.h"
#include "MetadataBuilder.h"

using namespace tokrt::text;
using testing::HasSubstr;

namespace {

TEST(Metadata, ReadsEachType) {
  MetadataBuilder records;
  records.add("text", "value");
  records.add("yes", true);
  records.add("number", 7u);
  records.head("wide", MetadataType::UInt64);
  records.number<uint64_t>(1ull << 40);
  records.head("signed", MetadataType::Int16);
  records.number<int16_t>(12);
  records.head("ratio", MetadataType::Float64);
  records.number(0.5);
  records.add("list", std::vector<std::string>{"a", "", "bc"});
  records.add("ints", std::vector<int32_t>{1, -2});
  records.arrayHead("nested", MetadataType::Array, 2);
  for (int i = 0; i < 2; ++i) {
    records.number(static_cast<uint32_t>(MetadataType::UInt8));
    records.number<uint64_t>(3);
    records.bytes += "xyz";
  }

  Metadata metadata(records.bytes);
  EXPECT_EQ(metadata.getString("text"), "value");
  EXPECT_EQ(metadata.findBool("yes"), true);
  EXPECT_EQ(metadata.findUnsigned("number"), 7u);
  EXPECT_EQ(metadata.findUnsigned("wide"), 1ull << 40);
  EXPECT_EQ(metadata.findUnsigned("signed"), 12u);
  std::vector<std::string> list;
  metadata.getStrings("list").forEach(
      [&](uint64_t, std::string_view text) { list.emplace_back(text); });
  EXPECT_EQ(list, (std::vector<std::string>{"a", "", "bc"}));
  EXPECT_EQ((*metadata.findInts("ints"))[1], -2);
  EXPECT_FALSE(metadata.findString("absent"));
}

TEST(Metadata, IsEmptyWithoutBytes) {
  EXPECT_FALSE(Metadata("").findBool("any"));
}

TEST(Metadata, RefusesEveryTruncation) {
  std::string whole = TinyVocabulary().build().bytes;
  Metadata{whole};
  size_t refused = 0;
  for (size_t size = 1; size < whole.size(); ++size)
    refused += !failureOf([&] {
                  Metadata{std::string_view(whole).substr(0, size)};
                }).empty();
  // Only a cut between two of the eight records leaves whole records.
  EXPECT_EQ(refused, whole.size() - 1 - 7);
}

TEST(Metadata, NamesTheRecordThatIsTooLong) {
  MetadataBuilder records;
  records.add("first", 1u);
  records.head("tokenizer.ggml.model", MetadataType::String);
  records.number(UINT64_MAX);
  std::string message = failureOf([&] { Metadata{records.bytes}; });
  EXPECT_THAT(message, HasSubstr("record 2 ('tokenizer.ggml.model')"));
  EXPECT_THAT(message, HasSubstr("needs 18446744073709551615 bytes"));
  EXPECT_THAT(message, HasSubstr("found 0"));
}

TEST(Metadata, RefusesCountsThatOverflow) {
  for (MetadataType type : {MetadataType::Float64, MetadataType::Int32,
                            MetadataType::String, MetadataType::Array})
    for (uint64_t count : {~0ull, 1ull << 61, 1ull << 62}) {
      MetadataBuilder records;
      records.arrayHead("key", type, count);
      records.bytes.append(100, '\0');
      EXPECT_THAT(failureOf([&] { Metadata{records.bytes}; }),
                  HasSubstr("('key'): its "));
    }
}

TEST(Metadata, RefusesUnknownTypes) {
  MetadataBuilder records;
  records.head("key", static_cast<MetadataType>(13));
  EXPECT_THAT(failureOf([&] { Metadata{records.bytes}; }),
              HasSubstr("found type 13, expected 0 to 12"));
}

TEST(Metadata, RefusesDeepNesting) {
  MetadataBuilder records;
  records.arrayHead("key", MetadataType::Array, 1);
  for (int i = 0; i < 10000; ++i) {
    records.number(static_cast<uint32_t>(MetadataType::Array));
    records.number<uint64_t>(1);
  }
  EXPECT_THAT(failureOf([&] { Metadata{records.bytes}; }),
              HasSubstr("nested deeper than"));
}

TEST(Metadata, RefusesDoubledKeys) {
  MetadataBuilder records;
  records.add("key", 1u);
  records.add("key", 2u);
  EXPECT_THAT(failureOf([&] { Metadata{records.bytes}; }),
              HasSubstr("'key': found two records"));
}

TEST(Metadata, NamesTheTypeItFound) {
  MetadataBuilder records;
  records.add("text", "x");
  records.add("list", std::vector<std::string>{"x"});
  records.head("minus", MetadataType::Int64);
  records.number<int64_t>(-3);
  Metadata metadata(records.bytes);
  EXPECT_THAT(failureOf([&] { metadata.findBool("text"); }),
              HasSubstr("'text': found string, expected bool"));
  EXPECT_THAT(failureOf([&] { metadata.getString("list"); }),
              HasSubstr("found an array of string, expected string"));
  EXPECT_THAT(failureOf([&] { metadata.findInts("list"); }),
              HasSubstr("found an array of string, expected an array of i32"));
  EXPECT_THAT(failureOf([&] { metadata.getStrings("text"); }),
              HasSubstr("found string, expected an array of string"));
  EXPECT_THAT(failureOf([&] { metadata.findUnsigned("text"); }),
              HasSubstr("found string, expected an integer"));
  EXPECT_THAT(failureOf([&] { metadata.findUnsigned("minus"); }),
              HasSubstr("found -3, expected 0 or more"));
  EXPECT_THAT(failureOf([&] { metadata.getString("absent"); }),
              HasSubstr("'absent': found none"));
}

} // namespace
