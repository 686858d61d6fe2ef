//===- Weights.h - The tensors of a file as tok.weight families -*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_MODELS_WEIGHTS_H
#define TOKOPT_LIB_MODELS_WEIGHTS_H

#include "lib/Import/Gguf.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/DenseSet.h"

#include <map>

namespace tokopt {

/// Turns the tensors that a model asks for into `tok.weight` ops and checks
/// that they are what it expects.
///
/// A tensor `blk.<layer>.<role>` belongs to a layer. A role that has one format
/// in all layers becomes one family, named after it (`@attn_v`); one with
/// several becomes a family for each (`@attn_v.q8_0`, `@attn_v.q5_0`).
class Weights {
public:
  /// Ops are created at the insertion point that `builder` has now. `kindOf`
  /// has a number for each layer.
  Weights(const gguf::File &file, llvm::ArrayRef<int64_t> kindOf,
          mlir::OpBuilder builder);

  /// Layers of one number in `kindOf` whose tensors have the same roles and
  /// formats, so that they can run the same code. Groups are in the order of
  /// their first layers.
  llvm::ArrayRef<llvm::SmallVector<int64_t>> getKinds() const { return kinds; }

  bool has(llvm::StringRef tensor) const { return file.findTensor(tensor); }

  /// The weight in `tensor` (`output_norm.weight`), of the shape `shape`:
  /// outputs first, as in the IR. A vector must be f32.
  mlir::FlatSymbolRefAttr get(llvm::StringRef tensor,
                              llvm::ArrayRef<int64_t> shape);

  /// The family that holds `role` (`attn_q.weight`) for the layers of one kind.
  mlir::FlatSymbolRefAttr get(llvm::StringRef role,
                              llvm::ArrayRef<int64_t> shape,
                              llvm::ArrayRef<int64_t> layersOfKind);

  /// Returns the first thing that was wrong, or that a tensor was never asked
  /// for: it would change what the model computes. After an error, `get`
  /// returns symbols that may not exist.
  llvm::Error finish();

private:
  /// All layers that have one role in one format.
  struct Family {
    std::string name;
    llvm::SmallVector<int64_t> layers, offsets;
    bool created = false;
  };
  using FamilyKey = std::pair<llvm::StringRef, gguf::FormatId>;

  void findKinds(llvm::ArrayRef<int64_t> kindOf);
  /// Finds a tensor and checks it; returns null after an error.
  const gguf::Tensor *find(llvm::StringRef name, llvm::ArrayRef<int64_t> shape);
  mlir::RankedTensorType getType(const gguf::Tensor &tensor);
  void note(llvm::Error another);

  const gguf::File &file;
  mlir::OpBuilder builder;
  llvm::SmallVector<llvm::SmallVector<int64_t>> kinds;
  std::map<FamilyKey, Family> families;
  llvm::DenseSet<const gguf::Tensor *> used;
  llvm::Error error = llvm::Error::success();
};

} // namespace tokopt

#endif // TOKOPT_LIB_MODELS_WEIGHTS_H
