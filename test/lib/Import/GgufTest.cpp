//===- GgufTest.cpp - The GGUF reader takes good and refuses bad files ----===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/lib/Import/GgufBuilder.h"

#include "lib/Import/Gguf.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

using namespace llvm;
using namespace tokopt::gguf;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

namespace {

enum : uint32_t { F32 = 0, Q4_0 = 2, Q4_1 = 3, Q6_K = 14 };

Expected<File> parse(StringRef bytes) {
  return File::parse(MemoryBuffer::getMemBuffer(
      bytes, "m.gguf", /*RequiresNullTerminator=*/false));
}

/// The message of a file that must be refused.
std::string messageOf(const Builder &builder) {
  Expected<File> file = parse(builder.bytes);
  if (file)
    return "";
  return toString(file.takeError());
}

template <typename T>
std::string messageOf(Expected<T> value) {
  return value ? "" : toString(value.takeError());
}

/// One of everything: five keys, two tensors, 32 + 96 bytes of data.
Builder makeSmallFile(uint32_t version = 3) {
  Builder b(2, 5, version);
  b.key("general.architecture", 8).string("llama");
  b.key("llama.block_count", 4).u32(2);
  b.key("llama.rope.freq_base", 6).u32(0x461c4000); // 10000.0f
  b.key("add_bos", 7).bytes += '\1';
  b.key("tokens", 9).u32(8).u64(2).string("a").string("bc");
  b.tensor("norm", {5}, F32, 0);
  b.tensor("w", {32, 3}, Q4_1, 32);
  b.data(32 + 60);
  return b;
}

File open(const Builder &builder) {
  Expected<File> file = parse(builder.bytes);
  if (!file)
    ADD_FAILURE() << toString(file.takeError());
  return std::move(*file);
}

TEST(Gguf, ReadsKeysTensorsAndTheRangeOfTheMetadata) {
  for (uint32_t version : {2, 3}) {
    Builder builder = makeSmallFile(version);
    File file = open(builder);
    EXPECT_EQ(file.getVersion(), version);
    EXPECT_EQ(cantFail(file.getString("general.architecture")), "llama");
    EXPECT_EQ(cantFail(file.getInteger("llama.block_count", 1, 100)), 2);
    EXPECT_EQ(cantFail(file.getFloat("llama.rope.freq_base")), 10000.0);
    EXPECT_TRUE(cantFail(file.getBool("add_bos")));
    EXPECT_EQ(cantFail(file.getArraySize("tokens", ValueType::String)), 2u);
    EXPECT_EQ(file.findKey("absent"), nullptr);

    const Tensor *w = file.findTensor("w");
    ASSERT_NE(w, nullptr);
    EXPECT_EQ(w->format->name, "q4_1");
    EXPECT_EQ(ArrayRef(w->dims), ArrayRef<int64_t>({32, 3}));
    EXPECT_EQ(w->bytes, 60u);
    EXPECT_EQ(w->offset, builder.bytes.size() - 60);

    EXPECT_EQ(file.getMetadataOffset(), 24u);
    EXPECT_TRUE(file.getMetadata().starts_with(
        StringRef("\x14\0\0\0\0\0\0\0general", 15)));
    EXPECT_TRUE(file.getMetadata().ends_with("bc"));
  }
}

TEST(Gguf, KnowsTheBlockOfEveryFormat) {
  struct {
    uint32_t id;
    StringRef name;
    uint32_t elements, bytes;
  } expected[] = {
      {0, "f32", 1, 4},       {1, "f16", 1, 2},       {2, "q4_0", 32, 18},
      {3, "q4_1", 32, 20},    {6, "q5_0", 32, 22},    {8, "q8_0", 32, 34},
      {12, "q4_k", 256, 144}, {14, "q6_k", 256, 210}, {30, "bf16", 1, 2}};
  EXPECT_EQ(getFormats().size(), std::size(expected));
  for (auto [id, name, elements, bytes] : expected) {
    const Format *format = lookupFormat(id);
    ASSERT_NE(format, nullptr);
    EXPECT_EQ(format->name, name);
    EXPECT_EQ(format->blockElements, elements);
    EXPECT_EQ(format->blockBytes, bytes);
  }
  EXPECT_EQ(lookupFormat(7), nullptr);
}

TEST(Gguf, FollowsTheAlignmentKey) {
  Builder b(1, 1);
  b.key("general.alignment", 4).u32(128).tensor("w", {4}, F32, 0).data(16, 128);
  File file = open(b);
  EXPECT_EQ(file.findTensor("w")->offset % 128, 0u);

  Builder odd(0, 1);
  odd.key("general.alignment", 4).u32(48);
  EXPECT_THAT(messageOf(odd), HasSubstr("found 48, expected a power of two"));
  Builder zero(0, 1);
  zero.key("general.alignment", 4).u32(0);
  EXPECT_THAT(messageOf(zero), HasSubstr("found 0, expected a value from 8"));
}

TEST(Gguf, RefusesOtherFiles) {
  EXPECT_THAT(messageOf(parse("")), HasSubstr("the magic 'GGUF'"));
  EXPECT_THAT(messageOf(parse("PK\3\4")),
              HasSubstr("found the bytes 'PK\\03\\04', expected the magic"));
  EXPECT_THAT(messageOf(Builder(0, 0, 1)), HasSubstr("found version 1"));
  EXPECT_THAT(messageOf(Builder(0, 0, 4)), HasSubstr("found version 4"));
  EXPECT_THAT(messageOf(Builder(0, 0, 0)), HasSubstr("found version 0"));
  EXPECT_THAT(messageOf(Builder(0, 0, 0x03000000)),
              HasSubstr("found a big-endian file"));
}

TEST(Gguf, RefusesCountsThatCannotFit) {
  for (uint64_t huge : {uint64_t(1) << 63, ~uint64_t(0), uint64_t(3)}) {
    EXPECT_THAT(messageOf(Builder(huge, 0)),
                HasSubstr("found " + std::to_string(huge) + " tensors"));
    EXPECT_THAT(messageOf(Builder(0, huge)),
                HasSubstr("found " + std::to_string(huge) + " keys"));
    Builder string(0, 1);
    string.key("k", 8).u64(huge);
    EXPECT_THAT(messageOf(string), AllOf(HasSubstr("key 'k': found 0 bytes"),
                                         HasSubstr(std::to_string(huge))));
    Builder array(0, 1);
    array.key("k", 9).u32(10).u64(huge);
    EXPECT_THAT(messageOf(array),
                HasSubstr("an array of " + std::to_string(huge)));
  }
}

TEST(Gguf, RefusesBadKeys) {
  Builder twice(0, 2);
  twice.key("k", 4).u32(1).key("k", 4).u32(1);
  EXPECT_THAT(messageOf(twice), HasSubstr("key 'k': found the key twice"));

  Builder empty(0, 1);
  empty.key("", 4).u32(1).data(8);
  EXPECT_THAT(messageOf(empty), HasSubstr("key number 1: found a name of 0"));

  Builder type(0, 1);
  type.key("k", 13).u32(1);
  EXPECT_THAT(messageOf(type), HasSubstr("found value type 13"));

  Builder boolean(0, 1);
  boolean.key("k", 7).bytes += '\2';
  EXPECT_THAT(messageOf(boolean), HasSubstr("found a bool of 2"));

  Builder nested(0, 1);
  nested.key("k", 9);
  for (int i = 0; i < 5; ++i)
    nested.u32(9).u64(1);
  nested.u32(4).u64(0);
  EXPECT_THAT(messageOf(nested), HasSubstr("arrays nested more than 4 deep"));
}

TEST(Gguf, AcceptsNestedArrays) {
  Builder b(0, 1);
  b.key("k", 9).u32(9).u64(2);
  b.u32(4).u64(1).u32(7).u32(8).u64(1).string("x");
  EXPECT_EQ(cantFail(open(b).getArraySize("k", ValueType::Array)), 2u);
}

/// A file of one tensor with 64 bytes of data.
Builder makeOneTensor(std::initializer_list<uint64_t> dims, uint32_t format,
                      uint64_t offset = 0) {
  Builder b(1, 0);
  return b.tensor("w", dims, format, offset).data(64);
}

TEST(Gguf, RefusesBadShapes) {
  uint64_t half = uint64_t(1) << 32;
  EXPECT_THAT(messageOf(makeOneTensor({}, F32)), HasSubstr("0 dimensions"));
  EXPECT_THAT(messageOf(makeOneTensor({1, 1, 1, 1, 1}, F32)),
              HasSubstr("5 dimensions"));
  EXPECT_THAT(messageOf(makeOneTensor({4, 0}, F32)),
              HasSubstr("tensor 'w': found dimension 1 of size 0"));
  EXPECT_THAT(messageOf(makeOneTensor({uint64_t(1) << 63}, F32)),
              HasSubstr("of size 9223372036854775808"));
  EXPECT_THAT(messageOf(makeOneTensor({half, half}, F32)),
              HasSubstr("found shape 4294967296x4294967296 in format f32"));
  EXPECT_THAT(messageOf(makeOneTensor({half, half / 4, 8}, F32)),
              HasSubstr("expected one that fits"));
  EXPECT_THAT(messageOf(makeOneTensor({33}, Q4_0)),
              HasSubstr("rows of 33 elements, expected a multiple of 32"));
  EXPECT_THAT(messageOf(makeOneTensor({128}, Q6_K)),
              HasSubstr("expected a multiple of 256"));
  EXPECT_THAT(messageOf(makeOneTensor({32}, 7)),
              AllOf(HasSubstr("tensor 'w': found format number 7"),
                    HasSubstr("f32 f16 q4_0 q4_1 q5_0 q8_0 q4_k q6_k bf16")));
}

TEST(Gguf, RefusesBadPlaces) {
  EXPECT_EQ(messageOf(makeOneTensor({16}, F32)), "");
  EXPECT_THAT(messageOf(makeOneTensor({16}, F32, 32)),
              HasSubstr("tensor 'w': found 64 bytes at offset 32"));
  EXPECT_THAT(messageOf(makeOneTensor({1}, F32, ~uint64_t(0) - 31)),
              HasSubstr("at offset 18446744073709551584"));
  EXPECT_THAT(
      messageOf(makeOneTensor({1}, F32, 4)),
      HasSubstr("found offset 4, expected a multiple of the alignment"));

  Builder overlap(2, 0);
  overlap.tensor("a", {9}, F32, 0).tensor("b", {1}, F32, 32).data(64);
  EXPECT_THAT(messageOf(overlap),
              AllOf(HasSubstr("tensor 'b': found data from byte"),
                    HasSubstr("no overlap with tensor 'a'")));
  Builder twice(2, 0);
  twice.tensor("a", {1}, F32, 0).tensor("a", {1}, F32, 32).data(64);
  EXPECT_THAT(messageOf(twice), HasSubstr("'a': found the tensor twice"));
  Builder longName(1, 0);
  longName.tensor(std::string(65, 'x'), {1}, F32, 0).data(64);
  EXPECT_THAT(messageOf(longName), HasSubstr("a name of 65 bytes"));
}

TEST(Gguf, RefusesValuesOfOtherTypesAndRanges) {
  Builder b(0, 4);
  b.key("text", 8).string("x");
  b.key("negative", 5).u32(~0u);
  b.key("huge", 10).u64(~uint64_t(0));
  b.key("infinite", 6).u32(0x7f800000);
  File file = open(b);
  EXPECT_THAT(messageOf(file.getInteger("absent", 0, 1)),
              StartsWith("m.gguf: key 'absent': found none, expected one; "));
  EXPECT_THAT(messageOf(file.getInteger("text", 0, 1)),
              HasSubstr("found a value of type string, expected an integer"));
  EXPECT_THAT(messageOf(file.getString("huge")), HasSubstr("of type u64"));
  EXPECT_THAT(messageOf(file.getBool("text")), HasSubstr("expected a bool"));
  EXPECT_THAT(messageOf(file.getFloat("text")), HasSubstr("floating-point"));
  EXPECT_THAT(messageOf(file.getFloat("infinite")),
              HasSubstr("found inf, expected a finite number"));
  EXPECT_THAT(messageOf(file.getInteger("negative", 0, 7)),
              HasSubstr("found -1, expected a value from 0 to 7"));
  EXPECT_THAT(messageOf(file.getInteger("huge", -5, INT64_MAX)),
              HasSubstr("found 18446744073709551615"));
  EXPECT_THAT(messageOf(file.getArraySize("text", ValueType::String)),
              HasSubstr("expected an array of string"));
  Builder bytes = makeSmallFile(); // a file only refers to them
  File small = open(bytes);
  EXPECT_THAT(messageOf(small.getArraySize("tokens", ValueType::I32)),
              HasSubstr("found an array of string, expected an array of i32"));
}

TEST(Gguf, KeepsHostileNamesOnOneLine) {
  Builder b(0, 2);
  std::string name = "line\nbreak" + std::string(200, 'x');
  b.key(name, 4).u32(1).key(name, 4).u32(1);
  std::string message = messageOf(b);
  EXPECT_THAT(message, AllOf(HasSubstr("line\\0Abreak"), Not(HasSubstr("\n"))));
  EXPECT_LT(message.size(), 200u);
}

TEST(Gguf, RefusesAFileCutAnywhere) {
  std::string whole = makeSmallFile().bytes;
  for (size_t size = 0; size < whole.size(); ++size) {
    // A copy of its own, so that a sanitizer sees a read past the cut.
    std::string cut = whole.substr(0, size);
    EXPECT_THAT(messageOf(parse(cut)),
                AllOf(StartsWith("m.gguf: "), Not(HasSubstr("\n"))))
        << "cut to " << size;
  }
}

TEST(Gguf, SurvivesEveryByteChanged) {
  std::string whole = makeSmallFile().bytes;
  size_t refused = 0;
  for (size_t at = 0; at + 92 < whole.size(); ++at)
    for (unsigned flip : {0x01, 0x80, 0xff}) {
      std::string changed = whole;
      changed[at] ^= flip;
      std::string message = messageOf(parse(changed));
      refused += !message.empty();
      if (!message.empty())
        EXPECT_THAT(message, AllOf(StartsWith("m.gguf: "), HasSubstr("found"),
                                   HasSubstr("expected"), HasSubstr("; ")));
    }
  // Names and values may change freely; counts, types and offsets may not.
  EXPECT_GT(refused, whole.size());
}

TEST(Gguf, NamesAFileThatCannotBeRead) {
  EXPECT_THAT(messageOf(File::open("/nonexistent/m.gguf")),
              AllOf(StartsWith("/nonexistent/m.gguf: cannot read the model"),
                    HasSubstr("No such file")));
  EXPECT_THAT(messageOf(File::open("/")), StartsWith("/: cannot read"));
}

} // namespace
