//===- Vocabulary.h - The words CPU templates are written in ----*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The common vocabulary, and what a worker reads from the frame. Integers that
// count or address are i64.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CPU_VOCABULARY_H
#define TOKOPT_KERNELS_CPU_VOCABULARY_H

#include "lib/Kernels/Common/Vocabulary.h"

namespace tokopt::cpu {

using kernels::Here;
using kernels::Val;
using kernels::Vals;

class Emitter : public kernels::Emitter {
public:
  Emitter(mlir::Block *block, const TargetDescription &target)
      : kernels::Emitter(block), target(target) {}

  const TargetDescription &target;

  /// This worker's half-open share of `items`.
  std::pair<Val, Val> share(Val frame, Val worker, Val items, Here here = {});
  /// Waits until every worker has come here.
  void barrier(Val frame, Here here = {});
  /// This worker's scratch.
  Val scratch(Val frame, Val worker, int64_t bytes, Here here = {});
};

} // namespace tokopt::cpu

#endif // TOKOPT_KERNELS_CPU_VOCABULARY_H
