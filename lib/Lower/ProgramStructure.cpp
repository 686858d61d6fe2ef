//===- ProgramStructure.cpp - Signature, angles, stacks -------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Lower/Passes.h"
#include "lib/Lower/ProgramBuilder.h"

#include "tokopt/Kernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace tokopt;

/// What `cache` asks for that no kernel does, or nothing.
static StringRef unservedFeature(tok::CacheType cache) {
  ArrayRef<int64_t> layers = cache.getLayers();
  if (layers.back() + 1 != static_cast<int64_t>(layers.size()))
    return "layers other than all from 0 on";
  if (cache.getKeys().getValue() != "post_rope")
    return "keys before rotation";
  if (cache.getWindow() || cache.getSinks())
    return "a window";
  if (cache.getResidual())
    return "a residual";
  if (cache.getTables().getValue() != "shared")
    return "tables of single heads";
  return cache.getDigests().empty() ? "" : "digests";
}

LogicalResult ProgramBuilder::run() {
  if (!entry.getBody().hasOneBlock())
    return entry.emitOpError("expects an entry of one block");
  names = tok::nameValues(entry);
  if (failed(makeSignature()) || failed(makeAngles()) ||
      failed(visitBlock(entry.getBody().front())))
    return failure();
  func::ReturnOp::create(builder, loc);

  std::string name = entry.getName().str();
  entry.erase();
  program.setName(name);
  return success();
}

LogicalResult ProgramBuilder::addCache(BlockArgument cache, StringAttr slot) {
  auto type = cast<tok::CacheType>(cache.getType());
  if (StringRef feature = unservedFeature(type); !feature.empty())
    return entry.emitOpError("has no kernel for a cache with ")
           << feature << ": " << type;
  if (!frame.target.getPageBytes(type))
    return entry.emitOpError("has a cache ")
           << slot << " that the target '" << frame.target.getName()
           << "' has no layout of pages for yet";
  auto *found = llvm::find_if(frame.caches,
                              [&](auto &other) { return other.first == slot; });
  if (found == frame.caches.end())
    found = frame.caches.insert(found, {slot, type});
  if (found->second != type)
    return entry.emitOpError("expects the cache ")
           << slot << " to be that of the other entries, " << found->second
           << ", but got " << type;
  caches[cache] = found - frame.caches.begin();
  return success();
}

LogicalResult ProgramBuilder::addLogits(Type type) {
  auto logits = dyn_cast<MemRefType>(type);
  if (!logits || logits.getRank() != 2 || logits.isDynamicDim(1))
    return entry.emitOpError("expects logits of a static width, but got ")
           << type;
  int64_t stride = llvm::alignTo(logits.getDimSize(1), 16);
  if (frame.logitsStride.value_or(stride) != stride)
    return entry.emitOpError("expects rows of logits ")
           << *frame.logitsStride << " apart, as in the other entries, but got "
           << stride;
  frame.logitsStride = stride;
  return success();
}

/// Tensors become memrefs; results become outputs that the caller gives.
LogicalResult ProgramBuilder::makeSignature() {
  SmallVector<Type> types;
  SmallVector<DictionaryAttr> attributes;
  // Heads lie side by side in a row.
  auto bufferType = [](Type type) -> Type {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor)
      return type;
    if (tensor.getRank() == 3)
      return MemRefType::get({tensor.getDimSize(0), columnsOf(type)},
                             tensor.getElementType());
    return MemRefType::get(tensor.getShape(), tensor.getElementType());
  };
  auto add = [&](Type type, StringAttr slot) {
    types.push_back(bufferType(type));
    attributes.push_back(builder.getDictionaryAttr(
        builder.getNamedAttr(tok::kSlotAttrName, slot)));
  };
  llvm::StringMap<unsigned> bySlot;
  for (BlockArgument argument : entry.getArguments()) {
    auto slot = entry.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                   tok::kSlotAttrName);
    if (!slot)
      return entry.emitOpError("expects '")
             << tok::kSlotAttrName << "' on argument number "
             << argument.getArgNumber();
    bySlot[slot.getValue()] = types.size();
    add(argument.getType(), slot);
  }
  SmallVector<unsigned> places;
  for (auto [index, type] : llvm::enumerate(entry.getResultTypes())) {
    auto slot =
        entry.getResultAttrOfType<StringAttr>(index, tok::kSlotAttrName);
    if (!slot)
      return entry.emitOpError("expects '")
             << tok::kSlotAttrName << "' on result number " << index;
    auto [place, inserted] = bySlot.try_emplace(slot.getValue(), types.size());
    if (inserted)
      add(type, slot);
    places.push_back(place->second);
  }

  builder.setInsertionPoint(entry);
  program = func::FuncOp::create(builder, entry.getLoc(),
                                 (entry.getName() + ".program").str(),
                                 builder.getFunctionType(types, {}),
                                 ArrayRef<NamedAttribute>(), attributes);
  Block *body = program.addEntryBlock();
  builder.setInsertionPointToStart(body);
  for (BlockArgument argument : body->getArguments())
    if (attributes[argument.getArgNumber()].getAs<StringAttr>(
            tok::kSlotAttrName) == "logits" &&
        failed(addLogits(argument.getType())))
      return failure();
  for (auto [from, to] :
       llvm::zip(entry.getArguments(), body->getArguments())) {
    scalars.map(from, to);
    auto slot = program.getArgAttrOfType<StringAttr>(to.getArgNumber(),
                                                     tok::kSlotAttrName);
    if (isa<tok::CacheType>(to.getType()) && failed(addCache(to, slot)))
      return failure();
    if (isa<MemRefType>(to.getType()))
      lowered[from].dense = to;
    if (slot.getValue() == "frontier")
      frontier = to;
    Value zero = constant(0);
    if (slot.getValue() == "ids")
      all = {zero, memref::DimOp::create(builder, loc, to, zero)};
    if (slot.getValue() == "out")
      asked = {zero, memref::DimOp::create(builder, loc, to, zero)};
  }
  if (!all.end)
    return entry.emitOpError("expects an argument of slot 'ids'");
  for (BlockArgument argument : entry.getArguments())
    if (auto found = lowered.find(argument); found != lowered.end()) {
      auto slot = entry.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                     tok::kSlotAttrName);
      bool perAsked =
          llvm::is_contained({"out", "sampling", "seeds"}, slot.getValue());
      found->second.rows = perAsked ? asked : all;
    }
  auto *terminator = entry.getBody().front().getTerminator();
  for (auto [value, place] :
       llvm::zip_equal(terminator->getOperands(), places)) {
    if (!isa<RankedTensorType>(value.getType()))
      continue;
    Value output = body->getArgument(place);
    // What is returned as it came in is copied before anything takes its place.
    auto *at = isa<BlockArgument>(value) ? outputs.begin() : outputs.end();
    outputs.insert(at, {value, output});
    // A result that takes the place of an argument is copied there at the end,
    // when the argument has been read.
    bool isRead = place < entry.getNumArguments() &&
                  !entry.getArgument(place).use_empty();
    if (!isRead)
      destinations[value] = output;
  }
  return success();
}

/// Every step needs the angles of its rows once, whatever the layers that read
/// them.
LogicalResult ProgramBuilder::makeAngles() {
  module.walk([&](tok::RopeOp op) {
    int64_t head =
        cast<RankedTensorType>(op.getInput().getType()).getDimSize(2);
    double base = op.getBase().convertToDouble();
    int64_t dims = op.getDims();
    auto [place, inserted] = angles.try_emplace(
        {base, dims, head, static_cast<int>(op.getPairs())}, Value());
    if (!inserted)
      return;
    loc = op.getLoc();
    place->second = makeBuffer(2 * head, builder.getF32Type());
    emitKernel("angles", all, {}, {}, place->second,
               {builder.getNamedAttr("base", builder.getF64FloatAttr(base)),
                entryOf("dims", dims), entryOf("head", head),
                entryOf("pairs", tok::stringifyRopePairs(op.getPairs()))});
  });
  return success();
}

LogicalResult ProgramBuilder::visitBlock(Block &block) {
  for (Operation &op : block.without_terminator())
    if (failed(visit(op)))
      return failure();
  // What is returned and not yet written, such as a norm, is written now.
  if (block.getParentOp() != entry)
    return success();
  for (auto [value, output] : outputs) {
    if (lowered[value].dense == output)
      continue;
    if (!getElementTypeOrSelf(value.getType()).isF32())
      return entry.emitOpError("has no kernel that copies a result of type ")
             << value.getType();
    if (failed(emitInto(value, output)))
      return failure();
  }
  return success();
}

LogicalResult ProgramBuilder::visit(Operation &op) {
  loc = op.getLoc();
  if (op.use_empty() && isMemoryEffectFree(&op) && op.getNumResults())
    return success();
  return llvm::TypeSwitch<Operation *, LogicalResult>(&op)
      .Case([](tok::NormOp) { return success(); }) // pending
      // Constants, which stand in the regions of their readers, and the number
      // of rows that they are spread over.
      .Case<arith::ConstantOp, tensor::SplatOp, tensor::DimOp>(
          [&](auto constant) { return visitConstant(constant); })
      .Case([&](tok::TakeOp take) { return visitTake(take); })
      .Case([&](tok::EmbedOp embed) { return visitEmbed(embed); })
      .Case([&](tok::LinearOp linear) { return visitLinear(linear); })
      .Case([&](tok::RopeOp rope) { return visitRope(rope); })
      .Case([&](tok::GatedOp gated) { return visitGated(gated); })
      .Case([&](tok::AppendOp append) { return visitAppend(append); })
      .Case(
          [&](tok::AttentionOp attention) { return visitAttention(attention); })
      .Case([&](tok::SampleOp sample) { return visitSample(sample); })
      .Case([&](tok::StackOp stack) { return visitStack(stack); })
      .Case([](tok::WeightExpressionInterface op) {
        return op->emitOpError("has no kernel: expects to stand in the region "
                               "of a tok.weight, which the bundler computes");
      })
      .Default([&](Operation *other) { return visitElementwise(*other); });
}

LogicalResult ProgramBuilder::visitStack(tok::StackOp op) {
  if (!frontier || lowered[op.getFrontier()].dense != frontier)
    return op.emitOpError(
        "expects its frontier to be the entry's argument of slot 'frontier'");
  FailureOr<Value> input = getDense(op.getInput());
  if (failed(input))
    return failure();
  Value full = scalars.lookup(op.getFullRows()),
        begin = scalars.lookup(op.getBegin()),
        end = scalars.lookup(op.getEnd());
  Value entries = constant(op.getLayers().size()), zero = constant(0),
        one = constant(1);
  auto compare = [&](arith::CmpIPredicate predicate, Value a,
                     Value b) -> Value {
    return arith::CmpIOp::create(builder, loc, predicate, a, b);
  };
  auto select = [&](Value condition, Value a, Value b) -> Value {
    return arith::SelectOp::create(builder, loc, condition, a, b);
  };

  // The stack works in place on its input when nobody else reads it.
  Value stream = *input;
  if (!op.getInput().hasOneUse() || isa<BlockArgument>(op.getInput())) {
    stream =
        makeBuffer(columnsOf(op.getInput().getType()), builder.getF32Type());
    if (failed(emitInto(op.getInput(), stream)))
      return failure();
  }
  auto copyRows = [&](Value from, Value to, RowRange rows) {
    auto kernel =
        emitKernel("rowwise", rows, {}, from, to,
                   {entryOf("columns", columnsOf(op.getInput().getType()))});
    fill(kernel.getPrologue(), {builder.getF32Type()},
         [](ValueRange arguments) { return SmallVector<Value>(arguments); });
  };
  Value starts = compare(arith::CmpIPredicate::eq, begin, zero);
  copyRows(lowered[op.getFrontier()].dense, stream,
           {select(starts, all.end, full), all.end});

  // Tables by entry: its layer, and its kind when there are several.
  auto makeTable = [&](StringRef name, ArrayRef<int64_t> values) {
    auto type = MemRefType::get({static_cast<int64_t>(values.size())},
                                builder.getI64Type());
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(program);
    auto initial = DenseElementsAttr::get(
        RankedTensorType::get(type.getShape(), builder.getI64Type()), values);
    auto table = memref::GlobalOp::create(
        builder, loc, name, builder.getStringAttr("private"), type, initial,
        /*constant=*/true, /*alignment=*/IntegerAttr());
    symbols.insert(table); // another entry may have tables too
    return table;
  };
  bool identity =
      llvm::equal(op.getLayers(), llvm::seq<int64_t>(0, op.getLayers().size()));
  memref::GlobalOp layerTable, kindTable;
  if (!identity)
    layerTable = makeTable("layers", op.getLayers());
  if (op.getKinds().size() > 1)
    kindTable = makeTable("kinds", op.getKindOf());

  auto loop = scf::ForOp::create(builder, loc, zero, entries, one);
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(loop.getBody()->getTerminator());
    Value index = loop.getInductionVar();
    auto lookup = [&](memref::GlobalOp global) -> Value {
      Value table = memref::GetGlobalOp::create(builder, loc, global.getType(),
                                                global.getSymName());
      Value entry = memref::LoadOp::create(builder, loc, table, index);
      return arith::IndexCastOp::create(builder, loc, builder.getIndexType(),
                                        entry);
    };
    Value inRange = arith::AndIOp::create(
        builder, loc, compare(arith::CmpIPredicate::ule, begin, index),
        compare(arith::CmpIPredicate::ult, index, end));
    Value rows = select(inRange, all.end, full);
    Value layerIndex = identity ? index : lookup(layerTable);
    if (!kindTable) {
      auto kind = symbols.lookup<func::FuncOp>(
          cast<FlatSymbolRefAttr>(op.getKinds()[0]).getValue());
      if (failed(inlineKind(op, kind, stream, layerIndex, rows)))
        return failure();
    } else {
      SmallVector<int64_t> cases =
          llvm::to_vector(llvm::seq<int64_t>(1, op.getKinds().size()));
      auto dispatch = scf::IndexSwitchOp::create(
          builder, loc, TypeRange(), lookup(kindTable), cases, cases.size());
      for (auto [number, symbol] :
           llvm::enumerate(op.getKinds().getAsRange<FlatSymbolRefAttr>())) {
        Region &region = number ? dispatch.getCaseRegions()[number - 1]
                                : dispatch.getDefaultRegion();
        OpBuilder::InsertionGuard inner(builder);
        builder.setInsertionPointToStart(&region.emplaceBlock());
        auto kind = symbols.lookup<func::FuncOp>(symbol.getValue());
        if (failed(inlineKind(op, kind, stream, layerIndex, rows)))
          return failure();
        scf::YieldOp::create(builder, loc);
      }
    }
  }

  Value leaves = compare(arith::CmpIPredicate::eq, end, entries);
  copyRows(stream, frontier, {select(leaves, all.end, full), all.end});
  lowered[op.getOutput()] = {stream, Value(), all};
  lowered[op.getNextFrontier()] = {frontier, Value(), all};
  for (auto [from, to] : llvm::zip_equal(op.getCaches(), op.getNextCaches()))
    scalars.map(to, scalars.lookup(from));
  return success();
}

LogicalResult ProgramBuilder::inlineKind(tok::StackOp op, func::FuncOp kind,
                                         Value stream, Value layerIndex,
                                         Value rows) {
  if (!kind.getBody().hasOneBlock())
    return kind.emitOpError("expects a kind of one block");
  Block &body = kind.getBody().front();
  // Another stack may have inlined the kind before.
  for (Operation &inner : body)
    for (Value value : inner.getResults())
      lowered.erase(value);
  for (auto &[value, name] : tok::nameValues(kind))
    names[value] = name;
  RowRange outer = all;
  all = {constant(0), rows};
  lowered[body.getArgument(0)] = {stream, Value(), all};
  scalars.map(body.getArgument(1), scalars.lookup(op.getRows()));
  for (auto [index, cache] : llvm::enumerate(op.getCaches()))
    scalars.map(body.getArgument(2 + index), scalars.lookup(cache));
  scalars.map(body.getArguments().back(), layerIndex);
  if (failed(visitBlock(body)))
    return failure();
  Value result = body.getTerminator()->getOperand(0);
  if (lowered[result].dense != stream && failed(emitInto(result, stream)))
    return failure();
  all = outer;
  return success();
}
