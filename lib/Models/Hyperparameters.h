//===- Hyperparameters.h - The numbers of a decoder -------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_MODELS_HYPERPARAMETERS_H
#define TOKOPT_LIB_MODELS_HYPERPARAMETERS_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <string>

namespace tokopt {

namespace gguf {
class File;
} // namespace gguf

struct Architecture;

/// What a model file's keys say about a decoder. All sizes are positive and
/// small enough that no product of two of them overflows.
struct Hyperparameters {
  /// The model's own name, or the file's when it has none.
  std::string name;
  int64_t layers;
  int64_t context;
  int64_t vocab;
  /// Size of the residual stream.
  int64_t width;
  /// Size of the hidden layer of a feed-forward block.
  int64_t hidden;
  int64_t heads;
  /// Divides `heads`.
  int64_t kvHeads;
  /// Elements of a query or key head, and of a value head.
  int64_t headSize;
  int64_t valueSize;
  double normEps;
  double ropeBase;
  /// Leading elements of a head that rotate; even.
  int64_t ropeDims;
};

/// Reads the keys of `architecture`. A key of the architecture that is not
/// known is an error: it may change what the model computes.
llvm::Expected<Hyperparameters>
readHyperparameters(const gguf::File &file, const Architecture &architecture);

} // namespace tokopt

#endif // TOKOPT_LIB_MODELS_HYPERPARAMETERS_H
