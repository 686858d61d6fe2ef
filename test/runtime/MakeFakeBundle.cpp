//===- MakeFakeBundle.cpp - Writes a bundle of the fake model -------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   make-fake-bundle OUT [KEY=JSON]...
//
// Each KEY is a JSON pointer into the manifest, such as /schedule/budget=8; or
// it is `word`, and what follows is the text of the last token.
//
//===----------------------------------------------------------------------===//

#include "BundleWriter.h"
#include "FakeModel.h"
#include "test/runtime/text/MetadataBuilder.h"

#include <cstdio>
#include <fstream>

int main(int argc, char **argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: make-fake-bundle OUT [KEY=JSON]...\n");
    return 2;
  }
  // The tiny vocabulary, filled up with a word for each further token.
  tokrt::text::TinyVocabulary vocabulary;
  while (vocabulary.tokens.size() < kFakeVocab)
    vocabulary.addToken("[" + std::to_string(vocabulary.tokens.size()) + "]");
  BundleParts parts = fakeBundle();
  for (int i = 2; i < argc; ++i) {
    std::string setting = argv[i];
    size_t equals = setting.find('=');
    if (setting.compare(0, equals, "word") == 0) {
      vocabulary.tokens.back() = setting.substr(equals + 1);
      continue;
    }
    parts.manifest[nlohmann::json::json_pointer(setting.substr(0, equals))] =
        nlohmann::json::parse(setting.substr(equals + 1));
  }
  tokrt::text::MetadataBuilder records = vocabulary.build();
  records.add("tokenizer.chat_template",
              "{{ '<|im_end|>' + messages[0]['content'] + '>' }}");
  parts.metadata.assign(records.bytes.begin(), records.bytes.end());
  std::vector<uint8_t> file = assemble(parts);
  std::ofstream out(argv[1], std::ios::binary);
  out.write(reinterpret_cast<const char *>(file.data()),
            static_cast<std::streamsize>(file.size()));
  return out.flush() ? 0 : 1;
}
