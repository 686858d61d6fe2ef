//===- MemoryTest.cpp - Every allocation of the text library may fail -----===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Allocations.h"
#include "MetadataBuilder.h"
#include "tokrt/text.h"

using namespace tokrt::text;

TEST(TextMemory, every_call_survives_every_failing_allocation) {
  MetadataBuilder records = TinyVocabulary().build();
  records.add("tokenizer.chat_template",
              "{% for m in messages %}{% if loop.first %}{{ m.role | trim }}"
              "{% endif %}{{ m.content + ' ab' }}{% endfor %}");
  tokrt_text_t *text = nullptr;
  EXPECT_GT(failEachAllocation(
                [&](tokrt_error_t *error) {
                  return tokrt_text_create(records.bytes.data(),
                                           records.bytes.size(), &text, error);
                },
                [&] { EXPECT_EQ(text, nullptr); }),
            20u);
  ASSERT_NE(text, nullptr);

  int32_t *ids = nullptr;
  size_t count = 0;
  EXPECT_GT(failEachAllocation(
                [&](tokrt_error_t *error) {
                  return tokrt_text_encode(text, " ab<tool>", 9, 0, &ids,
                                           &count, error);
                },
                [&] { EXPECT_EQ(ids, nullptr); }),
            0u);
  EXPECT_EQ(count, 3u);
  tokrt_text_free(ids);

  char *prompt = nullptr;
  size_t size = 0;
  EXPECT_GT(failEachAllocation(
                [&](tokrt_error_t *error) {
                  return tokrt_text_apply_chat(text, "Hi", &prompt, &size,
                                               error);
                },
                [&] { EXPECT_EQ(prompt, nullptr); }),
            5u);
  EXPECT_STREQ(prompt, "userHi ab");
  tokrt_text_free(prompt);
  tokrt_text_destroy(text);
}
