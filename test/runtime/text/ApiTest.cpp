//===- ApiTest.cpp - The C API --------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tokrt/text.h"

#include "Expect.h"
#include "MetadataBuilder.h"

#include <memory>

using namespace tokrt::text;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

extern "C" tokrt_status_t create_from_c(const void *metadata, size_t size,
                                        tokrt_text_t **out_text,
                                        tokrt_error_t *error);

namespace {

struct Destroy {
  void operator()(tokrt_text_t *text) const { tokrt_text_destroy(text); }
  void operator()(tokrt_text_stream_t *stream) const {
    tokrt_text_stream_destroy(stream);
  }
};
using Text = std::unique_ptr<tokrt_text_t, Destroy>;
using Stream = std::unique_ptr<tokrt_text_stream_t, Destroy>;

Text create(const MetadataBuilder &records) {
  tokrt_text_t *text = nullptr;
  tokrt_error_t error;
  EXPECT_EQ(
      create_from_c(records.bytes.data(), records.bytes.size(), &text, &error),
      TOKRT_OK)
      << error.message;
  return Text(text);
}

Text createWithTemplate(std::string_view source) {
  MetadataBuilder records = TinyVocabulary().build();
  records.add("tokenizer.chat_template", source);
  return create(records);
}

TEST(TextApi, NeedsNoMetadataAfterItsCreation) {
  MetadataBuilder records = TinyVocabulary().build();
  records.add("tokenizer.chat_template", "{{ messages[0].content }}");
  Text text = create(records);
  std::fill(records.bytes.begin(), records.bytes.end(), '\xee');

  int32_t *ids;
  size_t count;
  ASSERT_EQ(
      tokrt_text_encode(text.get(), " ab<tool>", 9, 0, &ids, &count, nullptr),
      TOKRT_OK);
  std::string out;
  for (size_t i = 0; i < count; ++i) {
    const char *bytes;
    size_t size;
    ASSERT_EQ(
        tokrt_text_decode_token(text.get(), ids[i], &bytes, &size, nullptr),
        TOKRT_OK);
    out.append(bytes, size);
  }
  tokrt_text_free(ids);
  EXPECT_EQ(count, 3u);
  EXPECT_EQ(out, " ab<tool>");

  char *prompt;
  size_t size;
  ASSERT_EQ(tokrt_text_apply_chat(text.get(), "Hi", &prompt, &size, nullptr),
            TOKRT_OK);
  EXPECT_STREQ(prompt, "Hi");
  EXPECT_EQ(size, 2u);
  tokrt_text_free(prompt);
}

TEST(TextApi, LeavesResultsAloneOnFailure) {
  tokrt_text_t *text = reinterpret_cast<tokrt_text_t *>(16);
  tokrt_error_t error;
  EXPECT_EQ(tokrt_text_create("x", 1, &text, &error), TOKRT_INVALID_FILE);
  EXPECT_EQ(text, reinterpret_cast<tokrt_text_t *>(16));
  EXPECT_THAT(error.message, StartsWith("metadata record 1"));
  EXPECT_EQ(tokrt_text_create("x", 1, &text, nullptr), TOKRT_INVALID_FILE);
  EXPECT_EQ(tokrt_text_create(nullptr, 0, &text, &error), TOKRT_INVALID_FILE);
  EXPECT_THAT(error.message, HasSubstr("the model file has no tokenizer"));
}

TEST(TextApi, TellsAnUnknownTokenizerFromADamagedFile) {
  TinyVocabulary unknown;
  unknown.pre = "other";
  std::string bytes = unknown.build().bytes;
  tokrt_text_t *text;
  EXPECT_EQ(tokrt_text_create(bytes.data(), bytes.size(), &text, nullptr),
            TOKRT_UNSUPPORTED);
}

TEST(TextApi, RefusesNullPointers) {
  Text text = create(TinyVocabulary().build());
  tokrt_text_t *t = text.get();
  tokrt_text_t *outText;
  tokrt_text_stream_t *stream;
  int32_t *ids;
  const char *bytes;
  char *prompt;
  size_t size;
  tokrt_error_t error;
  const tokrt_status_t kRefused = TOKRT_INVALID_ARGUMENT;
  tokrt_text_message_t noContent = {"user", nullptr};
  tokrt_text_message_t noRole = {nullptr, "x"};
  EXPECT_EQ(tokrt_text_create(nullptr, 1, &outText, &error), kRefused);
  EXPECT_STREQ(error.message, "text: found NULL, expected `metadata`");
  EXPECT_EQ(tokrt_text_create("", 0, nullptr, &error), kRefused);
  EXPECT_EQ(tokrt_text_encode(nullptr, "", 0, 0, &ids, &size, &error),
            kRefused);
  EXPECT_EQ(tokrt_text_encode(t, nullptr, 1, 0, &ids, &size, &error), kRefused);
  EXPECT_EQ(tokrt_text_encode(t, "", 0, 0, nullptr, &size, &error), kRefused);
  EXPECT_EQ(tokrt_text_encode(t, "", 0, 0, &ids, nullptr, &error), kRefused);
  EXPECT_EQ(tokrt_text_decode_token(nullptr, 0, &bytes, &size, &error),
            kRefused);
  EXPECT_EQ(tokrt_text_decode_token(t, 0, nullptr, &size, &error), kRefused);
  EXPECT_EQ(tokrt_text_stream_create(nullptr, 0, &stream, &error), kRefused);
  EXPECT_EQ(tokrt_text_stream_create(t, 0, nullptr, &error), kRefused);
  EXPECT_EQ(tokrt_text_stream_push(nullptr, 0, &bytes, &size, &error),
            kRefused);
  EXPECT_EQ(tokrt_text_stream_finish(nullptr, &bytes, &size, &error), kRefused);
  EXPECT_EQ(tokrt_text_apply_chat(nullptr, "x", &prompt, &size, &error),
            kRefused);
  EXPECT_EQ(tokrt_text_apply_messages(t, nullptr, 1, 1, &prompt, &size, &error),
            kRefused);
  EXPECT_EQ(tokrt_text_apply_chat(t, "x", nullptr, &size, &error), kRefused);
  Text withTemplate = createWithTemplate("x");
  t = withTemplate.get();
  EXPECT_EQ(
      tokrt_text_apply_messages(t, &noContent, 1, 1, &prompt, &size, &error),
      kRefused);
  EXPECT_EQ(tokrt_text_apply_messages(t, &noRole, 1, 1, &prompt, &size, &error),
            kRefused);
  EXPECT_THAT(error.message, HasSubstr("found NULL in message 0"));
  tokrt_text_destroy(nullptr);
  tokrt_text_stream_destroy(nullptr);
  tokrt_text_free(nullptr);
}

TEST(TextApi, TakesAnEmptyText) {
  Text text = create(TinyVocabulary().build());
  int32_t *ids;
  size_t count = 1;
  ASSERT_EQ(tokrt_text_encode(text.get(), nullptr, 0, 1, &ids, &count, nullptr),
            TOKRT_OK);
  EXPECT_EQ(count, 0u);
  tokrt_text_free(ids);
}

TEST(TextApi, SaysWhatItsTokensAre) {
  TinyVocabulary vocabulary;
  Text text = create(vocabulary.build());
  EXPECT_EQ(tokrt_text_token_count(text.get()), vocabulary.tokens.size());
  EXPECT_TRUE(tokrt_text_is_control(text.get(), 0));
  EXPECT_FALSE(tokrt_text_is_control(text.get(), 2)); // user-defined
  EXPECT_FALSE(tokrt_text_is_control(text.get(), -1));
  EXPECT_FALSE(tokrt_text_is_control(text.get(), 1000));
  const int32_t *ids;
  size_t count;
  tokrt_text_eos(text.get(), &ids, &count);
  EXPECT_THAT(std::vector<int32_t>(ids, ids + count), ElementsAre(0, 1));
  const char *bytes;
  size_t size;
  tokrt_error_t error;
  EXPECT_EQ(tokrt_text_decode_token(text.get(), 1000, &bytes, &size, &error),
            TOKRT_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "text: found token id 1000, expected 0 to 104");
}

class TextStreamApi : public testing::TestWithParam<int> {};

TEST_P(TextStreamApi, WritesWholeCharactersAndControlTokensIfAsked) {
  TinyVocabulary vocabulary;
  Text text = create(vocabulary.build());
  tokrt_text_stream_t *created;
  ASSERT_EQ(tokrt_text_stream_create(text.get(), GetParam(), &created, nullptr),
            TOKRT_OK);
  Stream stream(created);
  const char *bytes;
  size_t size;
  std::vector<std::string> pieces;
  for (int32_t id :
       {vocabulary.id("Ã"), vocabulary.id("©"), 1, vocabulary.id("Ã")}) {
    ASSERT_EQ(tokrt_text_stream_push(stream.get(), id, &bytes, &size, nullptr),
              TOKRT_OK);
    pieces.emplace_back(bytes, size);
  }
  EXPECT_THAT(pieces, ElementsAre("", "é", GetParam() ? "<|im_end|>" : "", ""));
  EXPECT_EQ(tokrt_text_stream_push(stream.get(), -1, &bytes, &size, nullptr),
            TOKRT_INVALID_ARGUMENT);
  ASSERT_EQ(tokrt_text_stream_finish(stream.get(), &bytes, &size, nullptr),
            TOKRT_OK);
  EXPECT_EQ(std::string(bytes, size), "\uFFFD");
}

INSTANTIATE_TEST_SUITE_P(ShowControl, TextStreamApi, testing::Values(0, 1));

TEST(TextApi, WritesAConversation) {
  Text text = createWithTemplate(
      "{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}{{ "
      "eos_token }}{% endfor %}{% if add_generation_prompt %}>{% endif %}");
  tokrt_text_message_t messages[] = {{"user", "a"}, {"assistant", "b"}};
  for (int openReply : {0, 1}) {
    char *prompt;
    size_t size;
    ASSERT_EQ(tokrt_text_apply_messages(text.get(), messages, 2, openReply,
                                        &prompt, &size, nullptr),
              TOKRT_OK);
    EXPECT_EQ(std::string(prompt, size),
              std::string("<|endoftext|>user: a<|im_end|>assistant: "
                          "b<|im_end|>") +
                  (openReply ? ">" : ""));
    tokrt_text_free(prompt);
  }
}

TEST(TextApi, SaysThatThereIsNoTemplate) {
  Text text = create(TinyVocabulary().build());
  char *prompt;
  size_t size;
  tokrt_error_t error;
  EXPECT_EQ(tokrt_text_apply_chat(text.get(), "x", &prompt, &size, &error),
            TOKRT_UNSUPPORTED);
  EXPECT_THAT(error.message, HasSubstr("give it the prompt as it is"));
}

TEST(TextApi, TokenizesEvenIfTheTemplateIsWrong) {
  Text text = createWithTemplate("{% nonsense %}");
  char *prompt;
  size_t size;
  tokrt_error_t error;
  EXPECT_EQ(tokrt_text_apply_chat(text.get(), "x", &prompt, &size, &error),
            TOKRT_INVALID_FILE);
  EXPECT_THAT(error.message, HasSubstr("line 1, column 4: found 'nonsense'"));
}

} // namespace
