//===- ExpressionOf.h - Weights that a module computes ----------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_TOOLS_EXPRESSIONOF_H
#define TOKOPT_TOOLS_EXPRESSIONOF_H

#include "dialects/Tok/TokOps.h"
#include "tokopt/WeightExpression.h"

#include "llvm/ADT/StringMap.h"

namespace tokopt {

/// The bundler's name of the element type of `type`; an error at `weight` if
/// it has none.
llvm::Expected<Format> getFormat(tok::WeightOp weight,
                                 mlir::RankedTensorType type);

/// The model files that a module names, each opened once.
class SourceFiles {
public:
  /// Relative paths count from the folder of `modelPath`.
  explicit SourceFiles(llvm::StringRef modelPath) : modelPath(modelPath) {}

  /// Where a member of `weight` stands.
  llvm::Expected<SourceRange> getRange(tok::WeightOp weight, size_t member);

private:
  llvm::StringRef modelPath;
  llvm::StringMap<std::shared_ptr<const SourceFile>> files;
};

/// How a member of `weight`, which has an expression, is computed.
llvm::Expected<WeightExpression>
makeExpression(tok::WeightOp weight, size_t member, SourceFiles &files);

} // namespace tokopt

#endif // TOKOPT_TOOLS_EXPRESSIONOF_H
