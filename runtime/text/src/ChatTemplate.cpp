//===- ChatTemplate.cpp - A conversation as a prompt ----------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ChatTemplate.h"

#include "Failure.h"
#include "jinja/Template.h"

#include <array>
#include <vector>

namespace tokrt::text {

using jinja::Entry;
using jinja::Value;

ChatTemplate::ChatTemplate(const Metadata &metadata)
    : source(metadata.findString("tokenizer.chat_template")) {}

std::string ChatTemplate::apply(const Tokenizer &tokenizer,
                                const tokrt_text_message_t *messages,
                                size_t count, bool openReply) const {
  if (!source)
    raise(TOKRT_UNSUPPORTED,
          "metadata key 'tokenizer.chat_template': found none, expected one; "
          "this model continues text, so give it the prompt as it is");

  size_t bytes = 0;
  std::vector<std::array<Entry, 2>> fields(count);
  std::vector<Value::Entries> mappings(count);
  std::vector<Value> list(count);
  for (size_t i = 0; i < count; ++i) {
    if (!messages[i].role || !messages[i].content)
      raise(TOKRT_INVALID_ARGUMENT,
            "text: found NULL in message %zu, expected a role and content", i);
    fields[i] = {Entry{"role", Value(messages[i].role)},
                 Entry{"content", Value(messages[i].content)}};
    mappings[i] = {fields[i].data(), fields[i].size()};
    list[i] = Value::mapping(&mappings[i]);
    for (const Entry &field : fields[i])
      bytes += sizeof(Entry) + field.value.asString().size();
  }

  // What the templates' own library passes, whether they use it or not.
  std::vector<Entry> variables = {
      {"messages", Value::list(list.data(), list.size())},
      {"add_generation_prompt", Value(openReply)},
      {"bos_token", Value(tokenizer.beginName())},
      {"eos_token", Value(tokenizer.endName())},
      {"tools", Value::none()},
      {"documents", Value::none()},
  };
  return jinja::Template(*source).render(variables, bytes);
}

} // namespace tokrt::text
