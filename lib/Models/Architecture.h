//===- Architecture.h - What differs from model to model --------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An architecture is one file beside this one. It says what one layer
// computes; everything around the layers is the same for all decoders and
// stands in Model.cpp. docs/models.md walks through adding one.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_MODELS_ARCHITECTURE_H
#define TOKOPT_LIB_MODELS_ARCHITECTURE_H

#include "dialects/Tok/TokAttrs.h"

#include "mlir/IR/Value.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace tokopt {

class LayerBuilder;
struct Hyperparameters;

/// Whether an op adds the vector that stands beside its weight.
enum class Bias { None, Added };

/// All but the first two members have the value of most architectures, so a
/// file names only what differs: `{.name = "llama", .buildLayer = buildLayer}`.
struct Architecture {
  /// The file's `general.architecture`.
  llvm::StringLiteral name;
  /// Builds a layer on the residual stream `x` and returns what follows it.
  mlir::Value (*buildLayer)(LayerBuilder &b, mlir::Value x);
  /// What embeddings are multiplied with; null is 1.
  double (*embeddingScale)(const Hyperparameters &sizes) = nullptr;
  /// How `LayerBuilder::norm` and the norm before the logits normalize, and
  /// whether they add a bias. It decides the name of the key for eps too.
  tok::NormKind norm = tok::NormKind::Rms;
  Bias normBias = Bias::None;
  /// The kind of layer `layer`, where layers differ in more than their formats
  /// (local and global attention); null is one kind. `LayerBuilder::kind` tells
  /// `buildLayer` which it builds.
  int64_t (*kindOf)(const Hyperparameters &sizes, int64_t layer) = nullptr;
};

extern const Architecture llama;
extern const Architecture qwen2;

llvm::ArrayRef<const Architecture *> getArchitectures();

/// Returns null when there is none of that name.
const Architecture *lookupArchitecture(llvm::StringRef name);

} // namespace tokopt

#endif // TOKOPT_LIB_MODELS_ARCHITECTURE_H
