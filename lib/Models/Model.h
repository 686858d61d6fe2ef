//===- Model.h - A decoder as a module --------------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_MODELS_MODEL_H
#define TOKOPT_LIB_MODELS_MODEL_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/Error.h"

namespace tokopt {

namespace gguf {
class File;
} // namespace gguf

struct Architecture;

/// Builds the module of the model in `file`: weight families, one function for
/// each kind of layer, and the entry `@step`. Everything is f32, the cache too;
/// what makes it smaller or faster is left to passes.
///
/// The result verifies. The dialects it needs are loaded into `context`.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
buildModel(const gguf::File &file, mlir::MLIRContext &context);

/// The same for a file whose architecture is known, also one that is not among
/// `getArchitectures()`.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
buildModel(const gguf::File &file, const Architecture &architecture,
           mlir::MLIRContext &context);

} // namespace tokopt

#endif // TOKOPT_LIB_MODELS_MODEL_H
