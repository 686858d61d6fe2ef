//===- LinearEpilogue.cpp - What happens to finished sums -----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Common/Config.h"
#include "lib/Kernels/Common/Regions.h"
#include "lib/Kernels/Cuda/Functions.h"
#include "lib/Kernels/Cuda/Linear.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cuda;
using namespace tokopt::kernels;

Type cuda::getMatrixElement(tok::KernelOp op, int64_t index) {
  SymbolTableCollection symbols;
  auto symbol = cast<FlatSymbolRefAttr>((*op.getWeights())[index]);
  auto weight = symbols.lookupNearestSymbolFrom<tok::WeightOp>(op, symbol);
  return weight.getTensorType().getElementType();
}

LogicalResult LinearEpilogue::check(tok::KernelOp op) {
  return checkFunctions(op.getEpilogue());
}

LogicalResult LinearEpilogue::store(ArrayRef<Val> sums, Val row, Val output,
                                    Here here) {
  auto vector = VectorType::get({4}, e.f32());
  Val bytes = output * kernels::Operand(4, here);
  auto at = [&](Val base, Type type) {
    Val begin = row * kernels::Operand(rowBytes(type), here);
    return e.offset(e.offset(base, begin, here), bytes, here);
  };
  Vals values(sums);
  for (Val bias : ArrayRef(arguments.weights).drop_front(sums.size()))
    values.push_back(e.loadChunks(vector, e.offset(bias, bytes, here), here));
  for (size_t i = 1; i < arguments.inputs.size(); ++i)
    values.push_back(e.loadChunks(
        vector, at(arguments.inputs[i], op.getInputs()[i].getType()), here));
  if (!op.getEpilogue().empty()) {
    FailureOr<Vals> results =
        cloneRegion(e, op.getEpilogue(), values, /*lanes=*/4);
    if (failed(results))
      return failure();
    values = *results;
  }
  e.storeChunks(values[0],
                at(arguments.outputs[0], op.getOutputs()[0].getType()), here);
  return success();
}
