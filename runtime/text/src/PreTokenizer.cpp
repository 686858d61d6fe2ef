//===- PreTokenizer.cpp - From text to words ------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PreTokenizer.h"

#include "Failure.h"
#include "Utf8.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#if PCRE2_MAJOR < 10 || (PCRE2_MAJOR == 10 && PCRE2_MINOR < 40)
#error "PCRE2 10.40 or newer is needed: it has the property White_Space"
#endif

namespace tokrt::text {

namespace {

struct Pattern {
  std::string_view name;
  const char *regex;
};

// White space is the Unicode property: PCRE2's `\s` has U+180E besides.
constexpr Pattern kPatterns[] = {
    // Each digit alone, then GPT-2's pattern on what is between digits. Written
    // as one: a number ends a run of spaces as the end of the text does.
    {"smollm", "'(?:s|t|re|ve|m|ll|d)"
               "| ?\\p{L}+"
               "|\\p{N}"
               "| ?[^\\p{wspace}\\p{L}\\p{N}]+"
               "|\\p{wspace}+(?![^\\p{wspace}\\p{N}])"
               "|\\p{wspace}+"},
    {"qwen2", "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
              "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+"
              "|\\p{N}"
              "| ?[^\\p{wspace}\\p{L}\\p{N}]+[\\r\\n]*"
              "|\\p{wspace}*[\\r\\n]+"
              "|\\p{wspace}+(?!\\P{wspace})"
              "|\\p{wspace}+"},
};

const Pattern &findPattern(std::string_view name) {
  std::string known;
  for (const Pattern &pattern : kPatterns) {
    if (pattern.name == name)
      return pattern;
    known += known.empty() ? "'" : ", '";
    known += pattern.name;
    known += '\'';
  }
  raise(TOKRT_UNSUPPORTED,
        "metadata key 'tokenizer.ggml.pre': found '%s', expected one of %s",
        excerpt(name).c_str(), known.c_str());
}

[[noreturn]] void raisePcre(const char *what, int code) {
  char message[128];
  pcre2_get_error_message(code, reinterpret_cast<PCRE2_UCHAR *>(message),
                          sizeof message);
  raise(TOKRT_OUT_OF_MEMORY, "text: %s: %s", what, message);
}

} // namespace

void PreTokenizer::Release::operator()(pcre2_code *code) const {
  pcre2_code_free(code);
}
void PreTokenizer::Release::operator()(pcre2_match_context *context) const {
  pcre2_match_context_free(context);
}
void PreTokenizer::Release::operator()(pcre2_match_data *data) const {
  pcre2_match_data_free(data);
}

PreTokenizer::PreTokenizer(std::string_view name) {
  const Pattern &pattern = findPattern(name);
  int error;
  size_t offset;
  code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.regex),
                           PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP, &error,
                           &offset, nullptr));
  if (!code)
    raisePcre("compiling the pre-tokenizer", error);
  // A system may forbid writable code; then PCRE2 interprets the pattern.
  pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);

  context.reset(pcre2_match_context_create(nullptr));
  if (!context)
    throw std::bad_alloc();
  // The limit is against patterns that take exponential time. These take linear
  // time, but step back through a run of spaces one by one.
  pcre2_set_match_limit(context.get(), UINT32_MAX);
}

PreTokenizer::Words::Words(const PreTokenizer &preTokenizer,
                           std::string_view text)
    : preTokenizer(preTokenizer), match(pcre2_match_data_create(1, nullptr)),
      rest(text) {
  if (!match)
    throw std::bad_alloc();
}

bool PreTokenizer::Words::take(std::string_view &word, size_t size) {
  word = valid.substr(0, size);
  valid.remove_prefix(size);
  return true;
}

bool PreTokenizer::Words::next(std::string_view &word) {
  if (valid.empty()) {
    size_t size = wellFormedPrefix(rest);
    valid = rest.substr(0, size);
    if (size == 0) {
      if (rest.empty())
        return false;
      do
        size += readUtf8(rest.substr(size)).size;
      while (size < rest.size() &&
             readUtf8(rest.substr(size)).kind != Utf8Unit::Character);
      word = rest.substr(0, size);
      rest.remove_prefix(size);
      return true;
    }
    rest.remove_prefix(size);
  }

  // Checked above, once for the stretch; PCRE2 would check it for each word.
  int result =
      pcre2_match(preTokenizer.code.get(),
                  reinterpret_cast<PCRE2_SPTR>(valid.data()), valid.size(), 0,
                  PCRE2_NO_UTF_CHECK, match.get(), preTokenizer.context.get());
  if (result == PCRE2_ERROR_NOMATCH)
    return take(word, valid.size());
  if (result < 0)
    raisePcre("cutting the text into words", result);
  const size_t *span = pcre2_get_ovector_pointer(match.get());
  // What a pattern passes over is a word too.
  return take(word, span[0] ? span[0] : span[1]);
}

} // namespace tokrt::text
