//===- Source.cpp - A chat template's text and places in it ---------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Source.h"

#include "../Failure.h"
#include "../Utf8.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>

namespace tokrt::text::jinja {

/// Real templates have some ten thousand bytes.
constexpr size_t kMaxTemplateBytes = 1 << 20;

Source::Source(std::string_view text) {
  if (text.size() > kMaxTemplateBytes)
    text::raise(TOKRT_UNSUPPORTED,
                "metadata key 'tokenizer.chat_template': found %zu bytes, "
                "expected at most %zu",
                text.size(), kMaxTemplateBytes);
  normalized.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    bool pair = text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
    if (!pair)
      normalized += text[i] == '\r' ? '\n' : text[i];
  }
  if (!normalized.empty() && normalized.back() == '\n')
    normalized.pop_back();
}

void Source::raise(size_t offset, const char *format, ...) const {
  char message[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);

  std::string_view before = text().substr(0, offset);
  size_t line = 1 + std::count(before.begin(), before.end(), '\n');
  size_t lineStart = before.rfind('\n') + 1; // 0 if there is none
  text::raise(TOKRT_INVALID_FILE,
              "metadata key 'tokenizer.chat_template', line %zu, column %zu: "
              "%s",
              line, 1 + countCharacters(before.substr(lineStart)), message);
}

} // namespace tokrt::text::jinja
