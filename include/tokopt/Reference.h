//===- Reference.h - The reference backend ----------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every op on values is defined by a decomposition to upstream ops. The
// reference backend compiles those decompositions and nothing else, so that
// what kernels compute has something to be compared with.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_REFERENCE_H
#define TOKOPT_REFERENCE_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace mlir {
class PassManager;
} // namespace mlir

namespace tokopt {

/// Lowers a model to what `compileModule` takes with `barePointers` off. Each
/// entry is a public function with the signature of docs/bundle.md; worker 0
/// does everything, the others return.
///
/// What the bundle needs to know stands in the module afterwards: `tok.program`
/// on the module, and on each `tok.weight`, which is left in place, the `image`
/// in which the bytes of the file lie as they are. `configure` is called on the
/// pass manager before it runs.
mlir::LogicalResult lowerToReference(
    mlir::ModuleOp module,
    llvm::function_ref<mlir::LogicalResult(mlir::PassManager &)> configure =
        nullptr);

/// Adds probes to a model that `lowerToReference` will lower: of what its ops
/// compute or, without `values`, only of when they have run.
mlir::LogicalResult instrumentForReference(mlir::ModuleOp module, bool values);

/// Registers the passes of the reference backend, and `lowerToReference` as the
/// pipeline `tok-lower-to-reference`.
void registerReferencePasses();

} // namespace tokopt

#endif // TOKOPT_REFERENCE_H
