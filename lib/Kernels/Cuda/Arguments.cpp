//===- Arguments.cpp - The arguments of a CUDA kernel ---------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cuda/Arguments.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cuda;

static size_t countWeights(tok::KernelOp op) {
  return op.getWeights() ? op.getWeights()->size() : 0;
}

Arguments::Arguments(Emitter &e, tok::KernelOp op, Block &entry) {
  auto *argument = entry.getArguments().begin();
  auto next = [&] { return e.wrap(*argument++); };
  frame = next();
  rowBegin = next();
  rowEnd = next();
  layer = next();
  for (size_t i = 0, n = countWeights(op); i < n; ++i)
    weights.push_back(next());
  for (size_t i = 0; i < op.getInputs().size(); ++i)
    inputs.push_back(next());
  for (size_t i = 0; i < op.getOutputs().size(); ++i)
    outputs.push_back(next());
}

SmallVector<Type> cuda::getArgumentTypes(tok::KernelOp op) {
  MLIRContext *context = op.getContext();
  Type global = LLVM::LLVMPointerType::get(context, /*addressSpace=*/1);
  Type i64 = IntegerType::get(context, 64);
  SmallVector<Type> types = {global, i64, i64, i64};
  types.append(countWeights(op) + op.getInputs().size() +
                   op.getOutputs().size(),
               global);
  return types;
}
