//===- Vocabulary.cpp - The words CPU templates are written in ------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cpu/Vocabulary.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cpu;

std::pair<Val, Val> Emitter::share(Val frame, Val worker, Val items,
                                   Here here) {
  Val workers = slot(frame, Slot::Workers, i64(), here);
  Val begin = divide(items * worker, workers, here);
  Val end = divide(items * (worker + 1), workers, here);
  return {begin, end};
}

void Emitter::barrier(Val frame, Here here) {
  func::CallOp::create(at(here), kBarrierName, TypeRange(),
                       ValueRange{frame.value});
}

Val Emitter::scratch(Val frame, Val worker, int64_t bytes, Here here) {
  Val base = slot(frame, Slot::Scratch, ptr(), here);
  return offset(base, worker * bytes, here);
}
