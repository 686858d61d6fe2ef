//===- Arguments.cpp - The arguments of a kernel function -----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cpu/Arguments.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cpu;

Arguments::Arguments(Emitter &e, tok::KernelOp op, Block &entry) {
  auto *argument = entry.getArguments().begin();
  auto next = [&] { return e.wrap(*argument++); };
  frame = next();
  worker = next();
  rowBegin = next();
  rowEnd = next();
  layer = next();
  for (size_t i = 0, n = op.getWeights() ? op.getWeights()->size() : 0; i < n;
       ++i)
    weights.push_back(next());
  for (size_t i = 0; i < op.getInputs().size(); ++i)
    inputs.push_back(next());
  for (size_t i = 0; i < op.getOutputs().size(); ++i)
    outputs.push_back(next());
}
