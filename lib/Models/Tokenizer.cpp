//===- Tokenizer.cpp - Tokenizers that the runtime knows ------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Models/Tokenizer.h"

#include "lib/Import/Gguf.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;
using namespace tokopt;

// The runtime includes nothing of the compiler, nor the other way around, so
// both have a list; test/lib/Models/TokenizerTest.cpp compares them.
ArrayRef<StringLiteral> tokopt::getTokenizerModels() {
  static constexpr StringLiteral all[] = {"gpt2"};
  return all;
}

ArrayRef<StringLiteral> tokopt::getPreTokenizers() {
  static constexpr StringLiteral all[] = {"smollm", "qwen2"};
  return all;
}

static Error checkKey(const gguf::File &file, StringRef key,
                      ArrayRef<StringLiteral> known) {
  Expected<StringRef> value = file.getString(key);
  if (!value)
    return value.takeError();
  if (is_contained(known, *value))
    return Error::success();
  return file.makeError("key " + gguf::quote(key), gguf::quote(*value),
                        "one of " + join(known, " "),
                        "the runtime has no such tokenizer; convert a model "
                        "that has one of these");
}

Error tokopt::checkTokenizer(const gguf::File &file) {
  constexpr StringLiteral model = "tokenizer.ggml.model",
                          pre = "tokenizer.ggml.pre",
                          tokens = "tokenizer.ggml.tokens";
  if (none_of(ArrayRef{model, pre, tokens},
              [&](StringRef key) { return file.findKey(key); }))
    return Error::success();
  if (Error error = checkKey(file, model, getTokenizerModels()))
    return error;
  return checkKey(file, pre, getPreTokenizers());
}
