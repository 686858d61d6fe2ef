//===- PreTokenizer.h - From text to words ----------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_TEXT_PRETOKENIZER_H_
#define TOKRT_TEXT_PRETOKENIZER_H_

#include <cstddef>
#include <memory>
#include <string_view>

// PCRE2's types; its header is included in one file only.
struct pcre2_real_code_8;
struct pcre2_real_match_context_8;
struct pcre2_real_match_data_8;

namespace tokrt::text {

/// Cuts text into words by a regular expression; merges never cross from one
/// word into another.
class PreTokenizer {
public:
  /// `name` is the value of `tokenizer.ggml.pre`.
  explicit PreTokenizer(std::string_view name);

  class Words;

private:
  struct Release {
    void operator()(pcre2_real_code_8 *code) const;
    void operator()(pcre2_real_match_context_8 *context) const;
    void operator()(pcre2_real_match_data_8 *data) const;
  };

  std::unique_ptr<pcre2_real_code_8, Release> code;
  std::unique_ptr<pcre2_real_match_context_8, Release> context;
};

/// Walks over the words of a text; together they are the text. Bytes that are
/// not valid UTF-8 form words of their own, and the text on either side of them
/// is cut as if it stood alone.
class PreTokenizer::Words {
public:
  Words(const PreTokenizer &preTokenizer, std::string_view text);

  /// Gives the next word; false at the end.
  bool next(std::string_view &word);

private:
  bool take(std::string_view &word, size_t size);

  const PreTokenizer &preTokenizer;
  std::unique_ptr<pcre2_real_match_data_8, Release> match;
  std::string_view valid; // what is left of a stretch of valid UTF-8
  std::string_view rest;  // the text after it
};

} // namespace tokrt::text

#endif // TOKRT_TEXT_PRETOKENIZER_H_
