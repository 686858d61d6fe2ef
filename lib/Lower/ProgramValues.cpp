//===- ProgramValues.cpp - Buffers and what fills them --------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Lower/ProgramBuilder.h"

#include "tokopt/Kernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace tokopt;

Value ProgramBuilder::constant(int64_t value) {
  return arith::ConstantIndexOp::create(builder, loc, value);
}

Value ProgramBuilder::makeBuffer(int64_t columns, Type element) {
  auto type = MemRefType::get({ShapedType::kDynamic, columns}, element);
  return tok::BufferOp::create(builder, loc, type, IntegerAttr(),
                               IntegerAttr());
}

Value ProgramBuilder::makeDestination(Value value) {
  auto found = destinations.find(value);
  if (found != destinations.end())
    return found->second;
  return makeBuffer(columnsOf(value.getType()), builder.getF32Type());
}

RowRange ProgramBuilder::rangeOf(Value value) {
  Lowered &entry = lowered[value];
  if (entry.rows.end)
    return entry.rows;
  if (auto take = value.getDefiningOp<tok::TakeOp>())
    entry.rows = lowered[take.getIndices()].rows;
  else if (auto norm = value.getDefiningOp<tok::NormOp>())
    entry.rows = rangeOf(norm.getInput());
  else if (auto linear = value.getDefiningOp<tok::LinearOp>())
    entry.rows = rangeOf(linear.getInput());
  else
    entry.rows = all;
  return entry.rows;
}

tok::KernelOp ProgramBuilder::emitKernel(StringRef family, RowRange rows,
                                         ArrayRef<FlatSymbolRefAttr> weights,
                                         ValueRange inputs, ValueRange outputs,
                                         ArrayRef<NamedAttribute> config,
                                         ArrayRef<Value> computed) {
  ArrayAttr weightsAttr;
  bool layered = false;
  if (!weights.empty())
    weightsAttr = builder.getArrayAttr(
        SmallVector<Attribute>(weights.begin(), weights.end()));
  for (FlatSymbolRefAttr symbol : weights)
    layered |= symbols.lookup<tok::WeightOp>(symbol.getValue())
                   .getLayers()
                   .has_value();
  bool needsLayer =
      layered ||
      llvm::any_of(inputs,
                   [](Value v) { return isa<tok::CacheType>(v.getType()); }) ||
      llvm::any_of(outputs,
                   [](Value v) { return isa<tok::CacheType>(v.getType()); });
  ArrayAttr namesAttr;
  if (llvm::any_of(computed, [&](Value v) { return names.contains(v); }))
    namesAttr = builder.getArrayAttr(
        llvm::map_to_vector(computed, [&](Value v) -> Attribute {
          return builder.getStringAttr(names.lookup(v));
        }));
  return tok::KernelOp::create(
      builder, loc, builder.getStringAttr(family), rows.begin, rows.end,
      needsLayer ? layer : Value(), weightsAttr, inputs, outputs,
      builder.getDictionaryAttr(config), namesAttr);
}

void ProgramBuilder::fill(Region &region, ArrayRef<Type> arguments,
                          RegionBody body) {
  OpBuilder::InsertionGuard guard(builder);
  SmallVector<Location> locations(arguments.size(), loc);
  Block *block = builder.createBlock(&region, {}, arguments, locations);
  SmallVector<Value> results = body(block->getArguments());
  tok::YieldOp::create(builder, loc, results);
}

/// One element of `norm`: `in` are its input, its weight and, for a layer norm,
/// its bias.
static Value emitNorm(OpBuilder &builder, Location loc, tok::NormOp norm,
                      ValueRange in) {
  Type f32 = builder.getF32Type();
  auto number = [&](double v) -> Value {
    return arith::ConstantOp::create(builder, loc,
                                     builder.getFloatAttr(f32, v));
  };
  int64_t size =
      cast<RankedTensorType>(norm.getInput().getType()).getShape().back();
  auto mean = [&](Value v) -> Value {
    Value sum = tok::ReduceRowOp::create(builder, loc, f32, v);
    return arith::DivFOp::create(builder, loc, sum, number(size));
  };
  // x * (1 / sqrt(mean(x^2) + eps)) * w, of x less its mean for a layer norm.
  Value x = in[0];
  if (norm.getKind() == tok::NormKind::Layer)
    x = arith::SubFOp::create(builder, loc, x, mean(x));
  Value square = arith::MulFOp::create(builder, loc, x, x);
  Value shifted = arith::AddFOp::create(
      builder, loc, mean(square), number(norm.getEps().convertToDouble()));
  Value root = math::SqrtOp::create(builder, loc, shifted);
  Value inverse = arith::DivFOp::create(builder, loc, number(1.0), root);
  Value scaled = arith::MulFOp::create(builder, loc, x, inverse);
  Value weighted = arith::MulFOp::create(builder, loc, scaled, in[1]);
  return norm.getBias()
             ? arith::AddFOp::create(builder, loc, weighted, in[2]).getResult()
             : weighted;
}

LogicalResult ProgramBuilder::emitInto(Value value, Value destination) {
  loc = value.getLoc();
  Type f32 = builder.getF32Type();
  SmallVector<NamedAttribute> config = {
      entryOf("columns", columnsOf(value.getType()))};
  auto norm =
      lowered[value].dense ? tok::NormOp() : value.getDefiningOp<tok::NormOp>();
  Value source = norm ? norm.getInput() : value;
  auto take = lowered[source].dense ? tok::TakeOp()
                                    : source.getDefiningOp<tok::TakeOp>();
  bool perHead =
      norm && cast<RankedTensorType>(norm.getInput().getType()).getRank() == 3;
  if (perHead) {
    int64_t head =
        cast<RankedTensorType>(norm.getInput().getType()).getShape().back();
    if (head % 16)
      return norm.emitOpError("has no kernel for a norm of single heads of ")
             << head << " elements; expected a multiple of 16";
    config.push_back(entryOf("group", head));
    // A kernel that sums heads writes them whole, so what rounds them or writes
    // them to a cache reads them from a buffer.
    auto type = dyn_cast<MemRefType>(destination.getType());
    if (!type || !type.getElementType().isF32()) {
      if (failed(getDense(value)))
        return failure();
      return emitInto(value, destination);
    }
  }

  SmallVector<Value> inputs;
  FailureOr<Value> dense = getDense(take ? take.getInput() : source);
  if (failed(dense))
    return failure();
  inputs.push_back(*dense);
  if (take) {
    inputs.push_back(lowered[take.getIndices()].dense);
    config.push_back(builder.getNamedAttr("gather", builder.getUnitAttr()));
  }
  SmallVector<FlatSymbolRefAttr> weights;
  if (norm)
    weights = norm.getWeightSymbols();
  setLayer(norm ? norm.getLayer() : Value());
  // A copy of what stands in another buffer is no value of its own.
  auto type = dyn_cast<MemRefType>(destination.getType());
  bool isCopy = lowered[value].dense && type && type.getElementType().isF32();
  auto kernel = emitKernel("rowwise", rangeOf(value), weights, inputs,
                           destination, config, isCopy ? Value() : value);
  SmallVector<Type> arguments(1 + weights.size(), f32);
  fill(kernel.getPrologue(), arguments,
       [&](ValueRange in) -> SmallVector<Value> {
         if (!norm)
           return {in[0]};
         return {emitNorm(builder, loc, norm, in)};
       });
  return success();
}

FailureOr<Value> ProgramBuilder::getDense(Value value) {
  if (Value dense = lowered[value].dense)
    return dense;
  Operation *producer = value.getDefiningOp();
  if (!isa_and_nonnull<tok::NormOp, tok::TakeOp>(producer))
    return producer ? producer->emitOpError("is read before it is lowered")
                    : entry.emitOpError("reads an argument that is no buffer");
  Value destination = makeDestination(value);
  if (failed(emitInto(value, destination)))
    return failure();
  return lowered[value].dense = destination;
}

FailureOr<Value> ProgramBuilder::getRounded(Value value) {
  if (Value rounded = lowered[value].rounded)
    return rounded;
  std::optional<int64_t> bytes =
      frame.target.getRoundedRowBytes(columnsOf(value.getType()));
  if (!bytes)
    return emitError(value.getLoc())
           << "cannot be rounded: the target '" << frame.target.getName()
           << "' has no layout for rounded rows yet; expected linears that "
              "compute in f32";
  Value destination = makeBuffer(*bytes, builder.getI8Type());
  if (failed(emitInto(value, destination)))
    return failure();
  return lowered[value].rounded = destination;
}
