//===- FirstError.cpp - What MLIR reports, as one line --------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tokopt/FirstError.h"

#include "mlir/IR/Location.h"
#include "llvm/Support/raw_ostream.h"

using namespace tokopt;
using namespace llvm;

FirstError::FirstError(mlir::MLIRContext &context)
    : handler(&context, [this](mlir::Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() != mlir::DiagnosticSeverity::Error)
          return mlir::failure();
        if (text.empty())
          describe(diagnostic);
        return mlir::success();
      }) {}

std::string FirstError::explain(const Twine &what) const {
  return (what + (text.empty() ? "" : ": ") + text).str();
}

void FirstError::describe(const mlir::Diagnostic &diagnostic) {
  raw_string_ostream os(text);
  if (auto place =
          diagnostic.getLocation()->findInstanceOf<mlir::FileLineColLoc>())
    os << "line " << place.getLine() << ", column " << place.getColumn()
       << ": ";
  os << StringRef(diagnostic.str()).split('\n').first;
}
