//===- TemplateFuzzer.cpp - Any chat template -----------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Failure.h"
#include "jinja/Template.h"

#include <string_view>

using namespace tokrt::text;
using namespace tokrt::text::jinja;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Entry first[] = {{"role", Value("user")}, {"content", Value(" é\xff{{ ")}};
  Entry second[] = {{"role", Value("assistant")}, {"content", Value("")}};
  Value::Entries mappings[] = {{first, 2}, {second, 2}};
  Value messages[] = {Value::mapping(&mappings[0]),
                      Value::mapping(&mappings[1])};
  try {
    Template(std::string_view(reinterpret_cast<const char *>(data), size))
        .render({{"messages", Value::list(messages, 2)},
                 {"add_generation_prompt", Value(true)},
                 {"bos_token", Value("<s>")},
                 {"eos_token", Value("</s>")},
                 {"tools", Value::none()}},
                100);
  } catch (const Failure &) {
    // What a wrong template must end in.
  }
  return 0;
}
