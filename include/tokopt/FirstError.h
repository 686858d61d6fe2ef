//===- FirstError.h - What MLIR reports, as one line ------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_FIRSTERROR_H
#define TOKOPT_FIRSTERROR_H

#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/Twine.h"
#include <string>

namespace tokopt {

/// Keeps the first error that MLIR reports as long as it lives, instead of
/// printing it: programs say in one line what went wrong. The rest of the
/// diagnostics goes to the handler before it.
class FirstError {
public:
  explicit FirstError(mlir::MLIRContext &context);

  /// `what`, and the error with its place in the file if there was one:
  /// `a pass failed: line 3, column 5: 'tok.kernel' op has no template`.
  std::string explain(const llvm::Twine &what) const;

private:
  void describe(const mlir::Diagnostic &diagnostic);

  std::string text;
  mlir::ScopedDiagnosticHandler handler;
};

} // namespace tokopt

#endif // TOKOPT_FIRSTERROR_H
