//===- MetadataBuilder.h - Writes key/value records for tests ---*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_TEXT_TEST_METADATABUILDER_H_
#define TOKRT_TEXT_TEST_METADATABUILDER_H_

#include "Metadata.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tokrt::text {

/// Appends records in GGUF's encoding.
class MetadataBuilder {
public:
  std::string bytes;

  template <typename T>
  void number(T value) {
    bytes.append(reinterpret_cast<const char *>(&value), sizeof value);
  }
  void string(std::string_view text) {
    number<uint64_t>(text.size());
    bytes += text;
  }
  void head(std::string_view key, MetadataType type) {
    string(key);
    number(static_cast<uint32_t>(type));
  }
  void arrayHead(std::string_view key, MetadataType element, uint64_t count) {
    head(key, MetadataType::Array);
    number(static_cast<uint32_t>(element));
    number(count);
  }

  void add(std::string_view key, std::string_view value) {
    head(key, MetadataType::String);
    string(value);
  }
  void add(std::string_view key, const char *value) {
    add(key, std::string_view(value));
  }
  void add(std::string_view key, bool value) {
    head(key, MetadataType::Bool);
    number<uint8_t>(value);
  }
  void add(std::string_view key, uint32_t value) {
    head(key, MetadataType::UInt32);
    number(value);
  }
  void add(std::string_view key, const std::vector<std::string> &values) {
    arrayHead(key, MetadataType::String, values.size());
    for (const std::string &value : values)
      string(value);
  }
  void add(std::string_view key, const std::vector<int32_t> &values) {
    arrayHead(key, MetadataType::Int32, values.size());
    for (int32_t value : values)
      number(value);
  }
};

/// A small vocabulary: the bytes of printable ASCII and of "é", a few merges, a
/// control token and a user-defined one. A test changes what it is about.
struct TinyVocabulary {
  std::string model = "gpt2", pre = "smollm";
  std::vector<std::string> tokens, merges;
  std::vector<int32_t> types;
  bool addBegin = false;
  uint32_t begin = 0, end = 1;

  TinyVocabulary() {
    addToken("<|endoftext|>", 3);
    addToken("<|im_end|>", 3);
    addToken("<tool>", 4);
    for (char c = '!'; c <= '~'; ++c)
      addToken(std::string(1, c));
    addToken("Ġ");
    addToken("Ã"); // the bytes of "é", C3 A9
    addToken("©");
    addMerge("a", "b");
    addMerge("Ġ", "a");
    addMerge("ab", "ab");
    addMerge("Ã", "©");
    addMerge("Ġa", "b");
  }

  void addToken(std::string text, int32_t type = 1) {
    tokens.push_back(std::move(text));
    types.push_back(type);
  }
  void addMerge(const std::string &left, const std::string &right) {
    merges.push_back(left + " " + right);
    addToken(left + right);
  }

  int32_t id(std::string_view text) const {
    for (size_t i = 0; i < tokens.size(); ++i)
      if (tokens[i] == text)
        return static_cast<int32_t>(i);
    return -1;
  }

  MetadataBuilder build() const {
    MetadataBuilder records;
    records.add("tokenizer.ggml.model", model);
    records.add("tokenizer.ggml.pre", pre);
    records.add("tokenizer.ggml.tokens", tokens);
    records.add("tokenizer.ggml.token_type", types);
    records.add("tokenizer.ggml.merges", merges);
    records.add("tokenizer.ggml.bos_token_id", begin);
    records.add("tokenizer.ggml.eos_token_id", end);
    records.add("tokenizer.ggml.add_bos_token", addBegin);
    return records;
  }
};

} // namespace tokrt::text

#endif // TOKRT_TEXT_TEST_METADATABUILDER_H_
