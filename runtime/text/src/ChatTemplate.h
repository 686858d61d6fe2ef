//===- ChatTemplate.h - A conversation as a prompt --------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_TEXT_CHATTEMPLATE_H_
#define TOKRT_TEXT_CHATTEMPLATE_H_

#include "Metadata.h"
#include "Tokenizer.h"

#include "tokrt/text.h"

#include <optional>
#include <string>

namespace tokrt::text {

/// The template of a model file. It is kept as text and parsed when it is
/// applied, which takes no time to speak of: a model whose template is beyond
/// this library still has a tokenizer.
class ChatTemplate {
public:
  explicit ChatTemplate(const Metadata &metadata);

  /// Throws if there is no template, if it is wrong, or if it refuses the
  /// messages.
  std::string apply(const Tokenizer &tokenizer,
                    const tokrt_text_message_t *messages, size_t count,
                    bool openReply) const;

private:
  std::optional<std::string> source;
};

} // namespace tokrt::text

#endif // TOKRT_TEXT_CHATTEMPLATE_H_
