//===- TokenizerTest.cpp - The importer takes what the runtime takes ------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/lib/Models/TinyModel.h"
#include "test/runtime/text/MetadataBuilder.h"

#include "lib/Models/Tokenizer.h"

#include "tokrt/text.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

using namespace llvm;
using namespace tokopt;
using testing::HasSubstr;
using testing::StartsWith;

namespace {

std::string refusalOf(const TinyModel &model) {
  std::string bytes = model.spell();
  auto file =
      cantFail(gguf::File::parse(MemoryBuffer::getMemBuffer(bytes, "m.gguf")));
  return toString(checkTokenizer(file));
}

/// What the runtime's text library says of a tokenizer, or nothing.
std::string refusalOfRuntime(StringRef model, StringRef pre) {
  tokrt::text::TinyVocabulary vocabulary;
  vocabulary.model = model.str();
  vocabulary.pre = pre.str();
  std::string bytes = vocabulary.build().bytes;
  tokrt_text_t *text = nullptr;
  tokrt_error_t error;
  if (tokrt_text_create(bytes.data(), bytes.size(), &text, &error) ==
      TOKRT_OK) {
    tokrt_text_destroy(text);
    return "";
  }
  return error.message;
}

TEST(Tokenizer, NamesTheKeyAndWhatIsSupported) {
  TinyModel model("llama");
  EXPECT_EQ(refusalOf(model), "");
  model.tokens(10);
  EXPECT_EQ(refusalOf(model), "");
  model.text("tokenizer.ggml.pre", "llama-bpe");
  EXPECT_THAT(refusalOf(model),
              StartsWith("m.gguf: key 'tokenizer.ggml.pre': found 'llama-bpe', "
                         "expected one of smollm qwen2; "));
  model.text("tokenizer.ggml.model", "llama");
  EXPECT_THAT(refusalOf(model),
              StartsWith("m.gguf: key 'tokenizer.ggml.model': found 'llama', "
                         "expected one of gpt2; "));
  model.dropKey("tokenizer.ggml.model");
  EXPECT_THAT(refusalOf(model),
              HasSubstr("key 'tokenizer.ggml.model': found none"));
}

TEST(Tokenizer, KnowsWhatTheRuntimeKnows) {
  std::string listed;
  for (StringRef model : getTokenizerModels())
    for (StringRef pre : getPreTokenizers())
      EXPECT_EQ(refusalOfRuntime(model, pre), "");
  for (StringRef pre : getPreTokenizers())
    listed += (listed.empty() ? "'" : ", '") + pre.str() + "'";
  // The runtime lists all it knows, so one that only it has is seen too.
  EXPECT_THAT(refusalOfRuntime("gpt2", "other"),
              testing::EndsWith("expected one of " + listed));
  EXPECT_THAT(refusalOfRuntime("other", "smollm"),
              HasSubstr("expected 'gpt2' (byte-level BPE)"));
}

} // namespace
