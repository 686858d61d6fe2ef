//===- Tokenizer.h - Tokenizers that the runtime knows ----------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_MODELS_TOKENIZER_H
#define TOKOPT_LIB_MODELS_TOKENIZER_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace tokopt {

namespace gguf {
class File;
} // namespace gguf

/// Values of `tokenizer.ggml.model` and `tokenizer.ggml.pre` that the runtime's
/// text library reads.
llvm::ArrayRef<llvm::StringLiteral> getTokenizerModels();
llvm::ArrayRef<llvm::StringLiteral> getPreTokenizers();

/// Refuses a file whose tokenizer the runtime would refuse: the metadata
/// travels in the bundle, and whoever compiles should hear of it, not whoever
/// runs. A file without a tokenizer is a model of token ids.
llvm::Error checkTokenizer(const gguf::File &file);

} // namespace tokopt

#endif // TOKOPT_LIB_MODELS_TOKENIZER_H
