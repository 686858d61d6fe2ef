//===- Import.h - From a model file to a module -----------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_IMPORT_H
#define TOKOPT_IMPORT_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace tokopt {

/// Imports the model at `path`, a GGUF file, as a module of the `tok` dialect.
/// The module calls the file `sourceName` where it says where its weights are:
/// a path that is absolute or counts from the module's folder. No weight is
/// read.
///
/// The file is untrusted: whatever is wrong with it comes back as an error of
/// one line that says where, what was found, what was expected and what to do.
/// A module that is returned verifies. The dialects it needs are loaded into
/// `context`.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
importModel(llvm::StringRef path, llvm::StringRef sourceName,
            mlir::MLIRContext &context);

} // namespace tokopt

#endif // TOKOPT_IMPORT_H
