//===- Choice.h - The cheapest of some configurations -----------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_COMMON_CHOICE_H
#define TOKOPT_KERNELS_COMMON_CHOICE_H

#include "tokopt/Kernel.h"

namespace tokopt::kernels {

/// A configuration that a template could generate.
struct Candidate {
  /// In words, such as "a tile of 4 rows".
  std::string what;
  llvm::SmallVector<std::pair<llvm::StringRef, int64_t>> config;
  double cost;
};

/// Of the candidates that have what `op` says already, the one of the least
/// cost, the first of equal ones, and the next. With one there is no runner-up.
/// With none, an error at `op`: its knobs, each of them accepted, do not go
/// together.
mlir::FailureOr<KernelChoice>
chooseCheapest(tok::KernelOp op, llvm::ArrayRef<Candidate> candidates,
               llvm::StringRef unit, llvm::StringRef reason);

} // namespace tokopt::kernels

#endif // TOKOPT_KERNELS_COMMON_CHOICE_H
