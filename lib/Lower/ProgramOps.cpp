//===- ProgramOps.cpp - The kernels of single ops -------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Lower/Gate.h"
#include "lib/Lower/ProgramBuilder.h"

#include "tokopt/Kernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace tokopt;

LogicalResult ProgramBuilder::visitEmbed(tok::EmbedOp op) {
  RowRange rows = all;
  // Rows that enter from the frontier have no token.
  if (op->hasOneUse())
    if (auto stack = dyn_cast<tok::StackOp>(*op->user_begin())) {
      Value starts =
          arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                scalars.lookup(stack.getBegin()), constant(0));
      rows.end = arith::SelectOp::create(builder, loc, starts, all.end,
                                         scalars.lookup(stack.getFullRows()));
    }
  Value destination = makeDestination(op.getOutput());
  emitKernel("embed", rows, op.getWeightSymbols(), lowered[op.getIds()].dense,
             destination,
             {entryOf("columns", columnsOf(op.getOutput().getType())),
              builder.getNamedAttr("scale", op.getScaleAttr())},
             op.getOutput());
  lowered[op.getOutput()] = {destination, Value(), all};
  return success();
}

bool ProgramBuilder::isDeferred(Operation *op) {
  if (!op->hasOneUse())
    return false;
  OpOperand &use = *op->use_begin();
  Operation *user = use.getOwner();
  if (user->getBlock() != op->getBlock())
    return false;
  if (isa<tok::RopeOp>(op))
    if (auto append = dyn_cast<tok::AppendOp>(user))
      return append.getKey() == op->getResult(0);
  if (!isa<tok::LinearOp>(op))
    return false;
  if (isa<arith::AddFOp>(user)) {
    // The other side is the residual; of two linears the second is deferred.
    Operation *other =
        user->getOperand(1 - use.getOperandNumber()).getDefiningOp();
    return !other || other->getBlock() != op->getBlock() ||
           !isa<tok::LinearOp>(other) || other->isBeforeInBlock(op);
  }
  if (auto gated = dyn_cast<tok::GatedOp>(user)) {
    auto gate = gated.getGate().getDefiningOp<tok::LinearOp>();
    auto up = gated.getUp().getDefiningOp<tok::LinearOp>();
    return gate && up && gate != up && gate->hasOneUse() && up->hasOneUse() &&
           gate.getInput() == up.getInput() &&
           gate.getLayer() == up.getLayer() &&
           gate.getComputeAttr() == up.getComputeAttr() &&
           static_cast<bool>(gate.getBias()) == static_cast<bool>(up.getBias());
  }
  return false;
}

/// Emits one kernel for `linears`, which read the same input. The epilogue gets
/// the sums (bias added) and then one element of each of `extras`.
LogicalResult ProgramBuilder::emitLinear(ArrayRef<tok::LinearOp> linears,
                                         ValueRange extras, Type outputType,
                                         Value destination, RegionBody epilogue,
                                         Value result) {
  tok::LinearOp first = linears.front();
  bool rounded = first.getCompute().has_value();
  FailureOr<Value> input =
      rounded ? getRounded(first.getInput()) : getDense(first.getInput());
  if (failed(input))
    return failure();
  loc = first.getLoc();
  SmallVector<FlatSymbolRefAttr> weights, biases;
  for (tok::LinearOp linear : linears) {
    weights.push_back(linear.getWeightAttr());
    if (linear.getBiasAttr())
      biases.push_back(linear.getBiasAttr());
  }
  llvm::append_range(weights, biases);
  SmallVector<Value> inputs = {*input};
  llvm::append_range(inputs, extras);
  RowRange rows = rangeOf(first.getInput());
  int64_t count = linears.size();
  setLayer(first.getLayer());
  auto kernel =
      emitKernel("linear", rows, weights, inputs, destination,
                 {entryOf("matrices", count),
                  entryOf("inputs", columnsOf(first.getInput().getType())),
                  entryOf("outputs", columnsOf(outputType)),
                  entryOf("compute", rounded ? "i8" : "f32")},
                 result);
  if (epilogue || !biases.empty()) {
    SmallVector<Type> arguments(count + biases.size() + extras.size(),
                                builder.getF32Type());
    fill(kernel.getEpilogue(), arguments, [&](ValueRange in) {
      SmallVector<Value> values;
      for (int64_t i = 0; i < count; ++i)
        values.push_back(
            biases.empty()
                ? in[i]
                : arith::AddFOp::create(builder, loc, in[i], in[count + i]));
      llvm::append_range(values, in.drop_front(count + biases.size()));
      return epilogue ? epilogue(values) : values;
    });
  }
  lowered[result] = {destination, Value(), rows};
  return success();
}

LogicalResult ProgramBuilder::visitLinear(tok::LinearOp op) {
  if (isDeferred(op))
    return success();
  return emitLinear(op, {}, op.getOutput().getType(),
                    makeDestination(op.getOutput()), {}, op.getOutput());
}

LogicalResult ProgramBuilder::visitGated(tok::GatedOp op) {
  Value destination = makeDestination(op.getOutput());
  auto first = op.getGate().getDefiningOp<tok::LinearOp>();
  auto second = op.getUp().getDefiningOp<tok::LinearOp>();
  auto epilogue = [&](ValueRange in) -> SmallVector<Value> {
    return {emitGate(builder, loc, op.getActivation(), in[0], in[1])};
  };
  if (first && second && isDeferred(first))
    return emitLinear({first, second}, {}, op.getOutput().getType(),
                      destination, epilogue, op.getOutput());
  FailureOr<Value> gateValue = getDense(op.getGate()),
                   up = getDense(op.getUp());
  if (failed(gateValue) || failed(up))
    return failure();
  loc = op.getLoc();
  auto kernel = emitKernel(
      "rowwise", rangeOf(op.getGate()), {}, {*gateValue, *up}, destination,
      {entryOf("columns", columnsOf(op.getOutput().getType()))},
      op.getOutput());
  fill(kernel.getPrologue(), {builder.getF32Type(), builder.getF32Type()},
       epilogue);
  lowered[op.getOutput()] = {destination, Value(), rangeOf(op.getGate())};
  return success();
}

/// Whether nothing reads `value` after `op`, nor an op that waits for its
/// readers.
bool ProgramBuilder::isDeadAfter(Value value, Operation *op) {
  return llvm::all_of(value.getUsers(), [&](Operation *user) {
    if (user == op)
      return true;
    if (user->getBlock() != op->getBlock() || !user->isBeforeInBlock(op))
      return false;
    bool waits = isa<tok::NormOp, tok::TakeOp>(user) || isDeferred(user);
    return !waits || llvm::all_of(user->getResults(),
                                  [&](Value v) { return isDeadAfter(v, op); });
  });
}

/// The number that every element of `value` is, if it is a constant.
static std::optional<APFloat> findSplat(Value value) {
  if (auto splat = value.getDefiningOp<tensor::SplatOp>())
    value = splat.getInput();
  Attribute constant;
  if (!matchPattern(value, m_Constant(&constant)))
    return std::nullopt;
  if (auto number = dyn_cast<FloatAttr>(constant))
    return number.getValue();
  auto elements = dyn_cast<DenseFPElementsAttr>(constant);
  return elements && elements.isSplat()
             ? std::optional(elements.getSplatValue<APFloat>())
             : std::nullopt;
}

/// Numbers stay numbers; constant tensors stand in the regions of their
/// readers, so nothing is emitted for them here.
LogicalResult ProgramBuilder::visitConstant(Operation *op) {
  Value value = op->getResult(0);
  if (isa<arith::ConstantOp>(op) && value.getType().isIndex()) {
    scalars.map(value, builder.clone(*op)->getResult(0));
    return success();
  }
  if (isa<tensor::SplatOp>(op) && !findSplat(value))
    return op->emitOpError("has no kernel: only a constant is spread");
  if (isa<tensor::DimOp>(op) &&
      !llvm::all_of(op->getUsers(), llvm::IsaPred<tensor::SplatOp>))
    return op->emitOpError("has no kernel: only tensor.splat asks for the "
                           "number of rows");
  return success();
}

/// An elementwise op of arith or math on tensors: a rowwise kernel of that op,
/// or the epilogue of the linear that it adds.
LogicalResult ProgramBuilder::visitElementwise(Operation &op) {
  if (op.getNumResults() != 1 || !op.hasTrait<OpTrait::Elementwise>() ||
      !isa<RankedTensorType>(op.getResult(0).getType()))
    return op.emitOpError(
        "has no kernel: a model holds tok ops and elementwise ops on rows");
  for (Type type : llvm::concat<Type>(llvm::to_vector(op.getOperandTypes()),
                                      llvm::to_vector(op.getResultTypes())))
    if (!getElementTypeOrSelf(type).isF32())
      return op.emitOpError("has no kernel for values other than f32, but got ")
             << type;
  Value result = op.getResult(0);
  if (isa<arith::AddFOp>(op))
    for (unsigned side : {1u, 0u}) {
      auto linear = op.getOperand(side).getDefiningOp<tok::LinearOp>();
      if (!linear || lowered[linear.getOutput()].dense || !isDeferred(linear))
        continue;
      Value residual = op.getOperand(1 - side);
      FailureOr<Value> dense = getDense(residual);
      if (failed(dense))
        return failure();
      // Arguments are the caller's; and other outputs of the row still read
      // what they sum.
      bool isArgument = isa<BlockArgument>(residual) &&
                        residual.getParentBlock() == &entry.getBody().front();
      bool isSummed = linear.getInput() == residual && !linear.getCompute();
      bool inPlace = !isArgument && !isSummed && isDeadAfter(residual, &op) &&
                     !destinations.contains(result);
      Value destination = inPlace ? *dense : makeDestination(result);
      return emitLinear(
          linear, *dense, result.getType(), destination,
          [&](ValueRange in) -> SmallVector<Value> {
            return {arith::AddFOp::create(builder, loc, in[1], in[0])};
          },
          result);
    }
  // A constant stands in the region, everything else is an input.
  SmallVector<Value> inputs, read;
  SmallVector<Type> arguments;
  for (Value operand : op.getOperands()) {
    if (findSplat(operand))
      continue;
    FailureOr<Value> dense = getDense(operand);
    if (failed(dense))
      return failure();
    read.push_back(operand);
    inputs.push_back(*dense);
    arguments.push_back(builder.getF32Type());
  }
  if (inputs.empty())
    return op.emitOpError("has no kernel for constants alone; fold it first, "
                          "as --canonicalize does");
  loc = op.getLoc();
  RowRange rows = rangeOf(read.front());
  Value destination = makeDestination(result);
  auto kernel =
      emitKernel("rowwise", rows, {}, inputs, destination,
                 {entryOf("columns", columnsOf(result.getType()))}, result);
  fill(kernel.getPrologue(), arguments,
       [&](ValueRange in) -> SmallVector<Value> {
         IRMapping mapping;
         for (auto [from, to] : llvm::zip_equal(read, in))
           mapping.map(from, to);
         for (Value operand : op.getOperands())
           if (std::optional<APFloat> number = findSplat(operand))
             mapping.map(operand, arith::ConstantOp::create(
                                      builder, loc,
                                      builder.getFloatAttr(builder.getF32Type(),
                                                           *number)));
         Operation *clone = builder.clone(op, mapping);
         clone->getResult(0).setType(builder.getF32Type());
         return {clone->getResult(0)};
       });
  lowered[result] = {destination, Value(), rows};
  return success();
}

/// Emitted by its readers.
LogicalResult ProgramBuilder::visitTake(tok::TakeOp op) {
  if (op.getRows())
    return op.emitOpError(
        "has no kernel for rows that go on with their columns");
  if (!lowered[op.getIndices()].dense)
    return op.emitOpError("expects its indices to be an argument of the entry");
  return success();
}

LogicalResult ProgramBuilder::visitRope(tok::RopeOp op) {
  if (isDeferred(op))
    return success();
  FailureOr<Value> input = getDense(op.getInput());
  if (failed(input))
    return failure();
  loc = op.getLoc();
  // Not in place: a later column may still need this one as its partner.
  Value destination = makeDestination(op.getOutput());
  int64_t head = cast<RankedTensorType>(op.getInput().getType()).getDimSize(2);
  Value table = angles[{op.getBase().convertToDouble(),
                        static_cast<int64_t>(op.getDims()), head,
                        static_cast<int>(op.getPairs())}];
  auto kernel = emitKernel(
      "rowwise", rangeOf(op.getInput()), {}, {*input, table}, destination,
      {entryOf("columns", columnsOf(op.getInput().getType())),
       entryOf("angles", 1), entryOf("head", head)},
      op.getOutput());
  Type f32 = builder.getF32Type();
  fill(kernel.getPrologue(), {f32, f32, f32},
       [&](ValueRange in) -> SmallVector<Value> {
         Value partner = tok::PartnerOp::create(
             builder, loc, f32, in[0], op.getPairs(), head, op.getDims());
         Value straight = arith::MulFOp::create(builder, loc, in[0], in[1]);
         return {math::FmaOp::create(builder, loc, partner, in[2], straight)};
       });
  lowered[op.getOutput()] = {destination, Value(), rangeOf(op.getInput())};
  return success();
}

LogicalResult ProgramBuilder::visitAppend(tok::AppendOp op) {
  Value cache = scalars.lookup(op.getCache());
  tok::CacheType type = op.getCache().getType();
  Type f32 = builder.getF32Type();
  int64_t number = caches.lookup(cache);

  auto rope = op.getKey().getDefiningOp<tok::RopeOp>();
  if (rope && (lowered[rope.getOutput()].dense || !isDeferred(rope)))
    rope = {};
  FailureOr<Value> key = getDense(rope ? rope.getInput() : op.getKey());
  FailureOr<Value> value = getDense(op.getValue());
  if (failed(key) || failed(value))
    return failure();
  loc = op.getLoc();
  SmallVector<Value> inputs = {*key};
  SmallVector<NamedAttribute> config = {
      entryOf("columns", columnsOf(op.getKey().getType())),
      entryOf("cache", number), entryOf("side", "k"),
      entryOf("head", type.getKSize())};
  SmallVector<Type> arguments = {f32};
  if (rope) {
    inputs.push_back(angles[{
        rope.getBase().convertToDouble(), static_cast<int64_t>(rope.getDims()),
        type.getKSize(), static_cast<int>(rope.getPairs())}]);
    config.push_back(entryOf("angles", 1));
    arguments.append(2, f32);
  }
  setLayer(op.getLayer());
  auto keys = emitKernel("rowwise", all, {}, inputs, cache, config);
  fill(keys.getPrologue(), arguments, [&](ValueRange in) -> SmallVector<Value> {
    if (!rope)
      return {in[0]};
    Value partner =
        tok::PartnerOp::create(builder, loc, f32, in[0], rope.getPairs(),
                               type.getKSize(), rope.getDims());
    Value straight = arith::MulFOp::create(builder, loc, in[0], in[1]);
    return {math::FmaOp::create(builder, loc, partner, in[2], straight)};
  });
  auto values =
      emitKernel("rowwise", all, {}, *value, cache,
                 {entryOf("columns", columnsOf(op.getValue().getType())),
                  entryOf("cache", number), entryOf("side", "v"),
                  entryOf("head", type.getVSize())});
  fill(values.getPrologue(), {f32},
       [](ValueRange in) { return SmallVector<Value>(in); });
  scalars.map(op.getOutput(), cache);
  return success();
}

LogicalResult ProgramBuilder::visitAttention(tok::AttentionOp op) {
  if (op.getKeyMass() || op.getWindowProbs())
    return op.emitOpError("has no kernel for ")
           << (op.getKeyMass() ? "key_mass" : "window_probs")
           << ": it grows with the slots of a sequence, and a buffer of the "
              "step has one row for each of the step's; the reference backend "
              "computes it";
  FailureOr<Value> query = getDense(op.getQuery());
  if (failed(query))
    return failure();
  loc = op.getLoc();
  auto model = module->getAttrOfType<tok::ModelAttr>(tok::kModelAttrName);
  if (!model)
    return op.emitOpError("expects the module to have '")
           << tok::kModelAttrName << "'";
  Value cache = scalars.lookup(op.getCache());
  SmallVector<Value> outputs = {makeDestination(op.getOutput())};
  if (op.getLse())
    outputs.push_back(makeDestination(op.getLse()));
  SmallVector<NamedAttribute> config = {
      entryOf("heads", op.getQuery().getType().getDimSize(1)),
      builder.getNamedAttr("scale", op.getScaleAttr()),
      entryOf("window", op.getMask().getWindow()),
      entryOf("cache", caches.lookup(cache)),
      entryOf("context", model.getContextLength())};
  if (!op.getMask().getCausal())
    config.push_back(builder.getNamedAttr("full", builder.getUnitAttr()));
  setLayer(op.getLayer());
  SmallVector<Value> computed = {op.getOutput()};
  if (op.getLse())
    computed.push_back(op.getLse());
  emitKernel("attention", all, {}, {*query, cache}, outputs, config, computed);
  lowered[op.getOutput()] = {outputs[0], Value(), all};
  if (op.getLse())
    lowered[op.getLse()] = {outputs[1], Value(), all};
  return success();
}

LogicalResult ProgramBuilder::visitSample(tok::SampleOp op) {
  FailureOr<Value> logits = getDense(op.getLogits());
  if (failed(logits))
    return failure();
  loc = op.getLoc();
  auto destination = destinations.find(op.getTokens());
  if (destination == destinations.end())
    return op.emitOpError("expects its tokens to be what the entry returns");
  emitKernel(
      "sample", rangeOf(op.getLogits()), {},
      {*logits, lowered[op.getParams()].dense, lowered[op.getSeeds()].dense},
      destination->second,
      {entryOf("vocab", op.getLogits().getType().getDimSize(1))},
      op.getTokens());
  lowered[op.getTokens()] = {destination->second, Value(),
                             rangeOf(op.getLogits())};
  return success();
}
