//===- LayerBuilder.h - Words that architectures are written in -*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_MODELS_LAYERBUILDER_H
#define TOKOPT_LIB_MODELS_LAYERBUILDER_H

#include "dialects/Tok/TokAttrs.h"
#include "lib/Models/Architecture.h"
#include "lib/Models/Hyperparameters.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Value.h"

namespace tokopt {

class Weights;

/// Builds the body of one kind of layer.
///
/// Weights are named by their role, the part of a tensor's name between
/// `blk.N.` and `.weight`; their shapes follow from the sizes of the values, so
/// that an architecture states each size once. A tensor that is missing or has
/// another shape is an error of `Weights`; the builder goes on regardless.
class LayerBuilder {
public:
  /// The values that every layer gets besides the rows themselves.
  struct Context {
    mlir::Value rows;
    mlir::Value cache;
    mlir::Value layer;
  };

  LayerBuilder(mlir::OpBuilder builder, Weights &weights,
               const Architecture &architecture, const Hyperparameters &sizes,
               llvm::ArrayRef<int64_t> layers, Context context)
      : sizes(sizes),
        kind(architecture.kindOf ? architecture.kindOf(sizes, layers.front())
                                 : 0),
        architecture(architecture), builder(builder), weights(weights),
        layers(layers), context(context) {}

  const Hyperparameters &sizes;
  /// What `Architecture::kindOf` says of the layers that are built.
  const int64_t kind;

  /// The architecture's norm of each row, or of each head of a `T x H x D`
  /// value with a weight of D elements.
  mlir::Value norm(mlir::Value x, llvm::StringRef role);
  /// `T x outputs`.
  mlir::Value linear(mlir::Value x, llvm::StringRef role, int64_t outputs);
  /// `T x heads x size`: a linear whose outputs are heads.
  mlir::Value heads(mlir::Value x, llvm::StringRef role, int64_t heads,
                    int64_t size, Bias bias = Bias::None);
  mlir::Value rope(mlir::Value x, tok::RopePairs pairs);
  /// Appends `key` and `value` to the cache and attends to all rows so far,
  /// with the scale `1 / sqrt(head size)`.
  mlir::Value attention(mlir::Value query, mlir::Value key, mlir::Value value);
  mlir::Value gated(mlir::Value gate, mlir::Value up,
                    tok::Activation activation);
  mlir::Value add(mlir::Value x, mlir::Value y);

  /// The cache after all appends.
  mlir::Value getCache() const { return context.cache; }

private:
  /// `outputs` are the sizes behind the rows.
  mlir::Value linearTo(llvm::ArrayRef<int64_t> outputs, mlir::Value x,
                       llvm::StringRef role, Bias bias);
  mlir::Location name(llvm::StringRef what) const;

  const Architecture &architecture;
  mlir::OpBuilder builder;
  Weights &weights;
  llvm::ArrayRef<int64_t> layers;
  Context context;
};

} // namespace tokopt

#endif // TOKOPT_LIB_MODELS_LAYERBUILDER_H
