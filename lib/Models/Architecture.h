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

#include "mlir/IR/Value.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace tokopt {

class LayerBuilder;

struct Architecture {
  /// The file's `general.architecture`.
  llvm::StringLiteral name;
  /// Builds a layer on the residual stream `x` and returns what follows it.
  mlir::Value (*buildLayer)(LayerBuilder &b, mlir::Value x);
};

extern const Architecture llama;
extern const Architecture qwen2;

llvm::ArrayRef<const Architecture *> getArchitectures();

/// Returns null when there is none of that name.
const Architecture *lookupArchitecture(llvm::StringRef name);

} // namespace tokopt

#endif // TOKOPT_LIB_MODELS_ARCHITECTURE_H
