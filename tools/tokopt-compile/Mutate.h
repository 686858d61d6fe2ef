//===- Mutate.h - Breaks kernels on purpose ---------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_TOOLS_MUTATE_H
#define TOKOPT_TOOLS_MUTATE_H

#include "mlir/IR/BuiltinOps.h"

#include <string>

namespace tokopt {

/// A wrong constant: an f32 one of a kernel, scalar or the same in every lane.
struct Mutation {
  /// Either every constant of the value `which` becomes `by`; or one of those
  /// that are not zero, `which` of the way from the first to the last, is
  /// multiplied by `by`.
  enum class Kind { Value, Place } kind;
  double which, by;
};

/// Applies `mutation` to the kernels of `module` and says what was changed;
/// says nothing if there is no such constant.
std::string mutateConstants(mlir::ModuleOp module, const Mutation &mutation);

} // namespace tokopt

#endif // TOKOPT_TOOLS_MUTATE_H
