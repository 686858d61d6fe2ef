//===- ReferenceTest.cpp - The recorded ids of real vocabularies ----------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compares with ids that llama.cpp gave (test/Inputs/reference). The
// vocabularies stand in the model files, and without them these are skipped.
//
//===----------------------------------------------------------------------===//

#include "TestModel.h"

#include "tokrt/text.h"

#include "Expect.h"

#include "nlohmann/json.hpp"

using namespace tokrt::text;

namespace {

struct Case {
  const char *name; // of its ids in the recorded files
  std::vector<std::string> files;
};

// How a test's parameter is printed.
void PrintTo(const Case &model, std::ostream *out) { *out << model.name; }

std::vector<int32_t> encode(const tokrt_text_t *text, std::string_view bytes,
                            bool parseSpecial = false) {
  int32_t *ids;
  size_t count;
  tokrt_error_t error;
  if (tokrt_text_encode(text, bytes.data(), bytes.size(), parseSpecial, &ids,
                        &count, &error) != TOKRT_OK) {
    ADD_FAILURE() << error.message;
    return {};
  }
  std::vector<int32_t> list(ids, ids + count);
  tokrt_text_free(ids);
  return list;
}

std::string decode(const tokrt_text_t *text, const std::vector<int32_t> &ids) {
  std::string out;
  for (int32_t id : ids) {
    const char *bytes;
    size_t size;
    EXPECT_EQ(tokrt_text_decode_token(text, id, &bytes, &size, nullptr),
              TOKRT_OK);
    out.append(bytes, size);
  }
  return out;
}

class Reference : public testing::TestWithParam<Case> {
protected:
  void SetUp() override {
    metadata = readModelMetadata(GetParam().files);
    if (metadata.empty())
      GTEST_SKIP() << "no " << GetParam().files[0] << " in TOKOPT_MODELS";
    tokrt_error_t error;
    ASSERT_EQ(
        tokrt_text_create(metadata.data(), metadata.size(), &text, &error),
        TOKRT_OK)
        << error.message;
  }
  void TearDown() override { tokrt_text_destroy(text); }

  std::string metadata;
  tokrt_text_t *text = nullptr;
};

TEST_P(Reference, EncodesEveryRecordedText) {
  auto cases = nlohmann::json::parse(readInput("reference/tokenize.json"));
  ASSERT_GE(cases.size(), 70u);
  for (const auto &entry : cases) {
    std::string bytes = entry["text"];
    EXPECT_EQ(encode(text, bytes),
              entry[GetParam().name].get<std::vector<int32_t>>())
        << bytes;
  }
}

TEST_P(Reference, EncodesALongTextAndBack) {
  std::string bytes = readInput("reference/gpl3.txt");
  std::string name = std::string("reference/") + GetParam().name;
  auto recorded = nlohmann::json::parse(readInput(name + "-gpl3-ids.json"));
  std::vector<int32_t> ids = encode(text, bytes);
  EXPECT_EQ(ids.size(), recorded["total_tokens"].get<size_t>());
  EXPECT_TRUE(decode(text, ids) == bytes);
  auto first = recorded["ids"].get<std::vector<int32_t>>();
  ASSERT_GE(first.size(), 4096u);
  ids.resize(first.size());
  EXPECT_TRUE(ids == first);
}

TEST_P(Reference, DecodesWhatItEncodes) {
  auto cases = nlohmann::json::parse(readInput("reference/tokenize.json"));
  for (const auto &entry : cases) {
    std::string bytes = entry["text"];
    EXPECT_EQ(decode(text, encode(text, bytes)), bytes);
  }
}

TEST_P(Reference, KeepsInvalidBytes) {
  std::string bytes = "caf\xc3 \x80\xbf\xe2\x82 tail\xf0\x9f";
  EXPECT_EQ(decode(text, encode(text, bytes)), bytes);
}

TEST_P(Reference, ParsesItsControlTokens) {
  std::string prompt = "<|im_start|>user\nHi<|im_end|>\n";
  std::vector<int32_t> ids = encode(text, prompt, /*parseSpecial=*/true);
  EXPECT_EQ(ids.size(), 6u);
  EXPECT_TRUE(tokrt_text_is_control(text, ids.front()));
  EXPECT_FALSE(tokrt_text_is_control(text, ids[1]));
  EXPECT_EQ(decode(text, ids), prompt);
}

TEST_P(Reference, EndsARepliesTurn) {
  const int32_t *ids;
  size_t count;
  tokrt_text_eos(text, &ids, &count);
  ASSERT_EQ(count, 2u);
  EXPECT_LT(ids[0], ids[1]);
  EXPECT_EQ(decode(text, {ids[0]}), "<|endoftext|>");
  EXPECT_EQ(decode(text, {ids[1]}), "<|im_end|>");
}

TEST_P(Reference, WritesConversationsAsItsTemplateSays) {
  auto data = nlohmann::json::parse(readInput("templates.json"));
  const auto &recorded = data["models"][GetParam().name];
  ASSERT_EQ(recorded.size(), 3u);
  for (const auto &[name, expected] : recorded.items()) {
    std::vector<std::string> texts;
    for (const auto &message : data["conversations"][name]) {
      texts.push_back(message["role"]);
      texts.push_back(message["content"]);
    }
    std::vector<tokrt_text_message_t> messages;
    for (size_t i = 0; i < texts.size(); i += 2)
      messages.push_back({texts[i].c_str(), texts[i + 1].c_str()});
    char *prompt;
    size_t size;
    tokrt_error_t error;
    ASSERT_EQ(tokrt_text_apply_messages(text, messages.data(), messages.size(),
                                        1, &prompt, &size, &error),
              TOKRT_OK)
        << error.message;
    EXPECT_EQ(std::string(prompt, size), expected) << name;
    tokrt_text_free(prompt);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Models, Reference,
    testing::Values(Case{"smollm2", {"SmolLM2-135M-Instruct.Q4_1.gguf"}},
                    Case{"qwen2",
                         {"qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
                          "qwen2.5-coder-1.5b.kv"}}),
    [](const testing::TestParamInfo<Case> &info) { return info.param.name; });

} // namespace
