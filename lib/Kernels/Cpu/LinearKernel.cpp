//===- LinearKernel.cpp - What all ways to sum a linear share -------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cpu/LinearKernel.h"

#include "lib/Kernels/Common/Regions.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cpu;

LinearKernel::LinearKernel(Emitter &e, tok::KernelOp op, Block &entry)
    : e(e), op(op), arguments(e, op, entry),
      matrices(configInt(op, "matrices")), columns(configInt(op, "inputs")),
      lanes(std::min(e.target.lanes(), kPanelRows)), parts(kPanelRows / lanes),
      quantized(configName(op, "compute") == "i8"), layout(columns) {
  SymbolTableCollection symbols;
  // Biases stand behind the matrices.
  for (Attribute attribute : op.getWeights()->getValue().take_front(matrices)) {
    auto symbol = cast<FlatSymbolRefAttr>(attribute);
    auto weight = symbols.lookupNearestSymbolFrom<tok::WeightOp>(op, symbol);
    codecs.push_back(findCodec(weight.getTensorType().getElementType()));
  }
}

Val LinearKernel::panelBase(int64_t matrix, Val panel) {
  int64_t blocks = columns / codecs[matrix]->blockColumns();
  return e.offset(arguments.weights[matrix],
                  panel * (blocks * codecs[matrix]->panelBytes()));
}

void LinearKernel::scaleGroup(const Codec &codec, ArrayRef<GroupRef> refs,
                              Val column, ArrayRef<Val> rows,
                              ArrayRef<Val> totals, Vals &sums) {
  int64_t parts = refs.size();
  Val eighth = e.divide(column, e.i64(8));
  Vals scales, offsets;
  for (const GroupRef &ref : refs) {
    scales.push_back(codec.scale(e, ref));
    offsets.push_back(codec.offset(e, ref));
  }
  for (auto [number, row] : llvm::enumerate(rows)) {
    Val at = e.offset(row, eighth);
    Val rowScale = e.splat(e.load(e.f32(), at, layout.scales()), lanes);
    Val rowSum;
    if (offsets[0].value)
      rowSum = e.splat(e.load(e.f32(), at, layout.scaledSums()), lanes);
    for (int64_t part = 0; part < parts; ++part) {
      Val &sum = sums[number * parts + part];
      Val total = e.convert(totals[number * parts + part], e.f32());
      sum = e.fma(total * rowScale, scales[part], sum);
      if (rowSum.value)
        sum = e.fma(offsets[part], rowSum, sum);
    }
  }
}

LogicalResult LinearKernel::storeSums(Val panel, Val first, int64_t begin,
                                      int64_t end, ArrayRef<Vals> sums) {
  Type vector = e.vec(lanes, e.f32());
  int64_t count = sums[0].size() / (end - begin);
  for (int64_t r = 0; r < count; ++r)
    for (int64_t part = begin; part < end; ++part) {
      Val bytes = panel * (4 * kPanelRows) + 4 * part * lanes;
      Vals values;
      for (const Vals &matrix : sums)
        values.push_back(matrix[r * (end - begin) + part - begin]);
      for (Val bias : ArrayRef(arguments.weights).drop_front(matrices))
        values.push_back(e.load(vector, e.offset(bias, bytes)));
      for (size_t i = 1; i < arguments.inputs.size(); ++i) {
        Val at = e.offset(arguments.inputs[i],
                          (first + r) * rowBytes(op.getInputs()[i].getType()));
        values.push_back(e.load(vector, e.offset(at, bytes)));
      }
      if (!op.getEpilogue().empty()) {
        FailureOr<Vals> results =
            cloneRegion(e, op.getEpilogue(), values, lanes);
        if (failed(results))
          return failure();
        values = *results;
      }
      Val at = e.offset(arguments.outputs[0],
                        (first + r) * rowBytes(op.getOutputs()[0].getType()));
      e.store(values[0], e.offset(at, bytes));
    }
  return success();
}
