//===- LayerBuilder.cpp - Words that architectures are written in ---------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Models/LayerBuilder.h"

#include "dialects/Tok/TokOps.h"
#include "lib/Models/Weights.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <cmath>

using namespace llvm;
using namespace mlir;
using namespace tokopt;

/// Elements of a row, however it is cut into heads.
static int64_t getColumns(Value x) {
  int64_t columns = 1;
  for (int64_t size :
       cast<RankedTensorType>(x.getType()).getShape().drop_front())
    columns *= size;
  return columns;
}

Location LayerBuilder::name(StringRef what) const {
  return NameLoc::get(StringAttr::get(builder.getContext(), what));
}

Value LayerBuilder::norm(Value x, StringRef role) {
  int64_t size = cast<RankedTensorType>(x.getType()).getShape().back();
  FlatSymbolRefAttr weight =
      weights.get((role + ".weight").str(), size, layers);
  FlatSymbolRefAttr bias;
  if (architecture.normBias == Bias::Added)
    bias = weights.get((role + ".bias").str(), size, layers);
  return tok::NormOp::create(builder, name(role), x.getType(), x, weight, bias,
                             context.layer, architecture.norm,
                             builder.getF32FloatAttr(sizes.normEps));
}

Value LayerBuilder::linearTo(ArrayRef<int64_t> outputs, Value x, StringRef role,
                             Bias bias) {
  int64_t count = ShapedType::getNumElements(outputs);
  FlatSymbolRefAttr weight =
      weights.get((role + ".weight").str(), {count, getColumns(x)}, layers);
  FlatSymbolRefAttr vector;
  if (bias == Bias::Added)
    vector = weights.get((role + ".bias").str(), count, layers);
  SmallVector<int64_t> shape = {ShapedType::kDynamic};
  append_range(shape, outputs);
  return tok::LinearOp::create(
      builder, name(role), RankedTensorType::get(shape, builder.getF32Type()),
      x, weight, vector, context.layer, /*compute=*/nullptr);
}

Value LayerBuilder::linear(Value x, StringRef role, int64_t outputs) {
  return linearTo(outputs, x, role, Bias::None);
}

Value LayerBuilder::heads(Value x, StringRef role, int64_t heads, int64_t size,
                          Bias bias) {
  return linearTo({heads, size}, x, role, bias);
}

Value LayerBuilder::rope(Value x, tok::RopePairs pairs) {
  return tok::RopeOp::create(builder, name("rope"), x, context.rows, pairs,
                             builder.getF64FloatAttr(sizes.ropeBase),
                             builder.getI64IntegerAttr(sizes.ropeDims));
}

Value LayerBuilder::attention(Value query, Value key, Value value) {
  context.cache =
      tok::AppendOp::create(builder, name("append"), context.cache,
                            context.layer, context.rows, key, value);
  auto type = cast<RankedTensorType>(query.getType());
  int64_t heads = type.getDimSize(1), size = type.getDimSize(2);
  int64_t valueSize = cast<RankedTensorType>(value.getType()).getDimSize(2);
  auto output = RankedTensorType::get({ShapedType::kDynamic, heads, valueSize},
                                      builder.getF32Type());
  auto causal = tok::MaskAttr::get(builder.getContext(), /*causal=*/true,
                                   /*window=*/0);
  auto op = tok::AttentionOp::create(
      builder, name("attention"), output, /*lse=*/nullptr, /*keyMass=*/nullptr,
      /*windowProbs=*/nullptr, query, context.cache, context.layer,
      context.rows, /*massSoFar=*/nullptr, /*slots=*/nullptr, causal,
      builder.getF32FloatAttr(1.0 / std::sqrt(size)));
  return op.getOutput();
}

Value LayerBuilder::gated(Value gate, Value up, tok::Activation activation) {
  return tok::GatedOp::create(builder, name("gated"), gate, up, activation);
}

Value LayerBuilder::add(Value x, Value y) {
  return arith::AddFOp::create(builder, name("residual"), x, y);
}
