//===- LowerToProgram.cpp - Group the ops of a model into kernels ----------===//
//
// Ops are visited in order. A value is *dense* (f32 in a buffer), *rounded*
// (i8 in a buffer), both, or still pending: norms, takes, and linears and
// rotations with one reader are emitted by their readers, so that they share a
// kernel. What a value becomes is decided by the readers alone.
//
// Contract: tolerance<1e-5>.
//
//===----------------------------------------------------------------------===//

#include "lib/Lower/Gate.h"
#include "lib/Lower/Passes.h"

#include "tokopt/Kernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/TypeSwitch.h"

#include <map>

namespace tokopt {
#define GEN_PASS_DEF_LOWERTOPROGRAMPASS
#include "lib/Lower/Passes.h.inc"
} // namespace tokopt

using namespace mlir;
using namespace tokopt;

namespace {

/// A half-open range of rows.
struct RowRange {
  Value begin, end;
};

/// What stands for a tensor of the model.
struct Lowered {
  Value dense, rounded;
  RowRange rows;
};

/// Columns of `T x N` or `T x H x D`.
int64_t columnsOf(Type tensor) {
  int64_t columns = 1;
  for (int64_t size : cast<RankedTensorType>(tensor).getShape().drop_front())
    columns *= size;
  return columns;
}

class ProgramBuilder {
public:
  ProgramBuilder(ModuleOp module, func::FuncOp entry)
      : module(module), entry(entry), builder(module.getContext()), symbols(module) {}

  LogicalResult run();

private:
  using RegionBody = llvm::function_ref<SmallVector<Value>(ValueRange)>;

  //===--- Structure -----------------------------------------------------===//
  LogicalResult makeSignature();
  LogicalResult makeAngles();
  LogicalResult visitBlock(Block &block);
  LogicalResult visit(Operation &op);
  LogicalResult visitStack(tok::StackOp op);
  LogicalResult inlineKind(tok::StackOp op, func::FuncOp kind, Value stream, Value layer, Value rows);

  //===--- Ops -----------------------------------------------------------===//
  LogicalResult visitEmbed(tok::EmbedOp op);
  LogicalResult visitAppend(tok::AppendOp op);
  LogicalResult visitAttention(tok::AttentionOp op);
  LogicalResult visitSample(tok::SampleOp op);
  LogicalResult visitTake(tok::TakeOp op);
  LogicalResult visitElementwise(Operation &op);
  LogicalResult visitGated(tok::GatedOp op);
  LogicalResult visitLinear(tok::LinearOp op);
  LogicalResult visitRope(tok::RopeOp op);

  /// Whether `op` is emitted by its only reader.
  bool isDeferred(Operation *op);
  bool isDeadAfter(Value value, Operation *op);
  LogicalResult emitLinear(ArrayRef<tok::LinearOp> linears, ValueRange extras, Type outputType,
                           Value destination, RegionBody epilogue, Value result);

  //===--- Values --------------------------------------------------------===//
  FailureOr<Value> getDense(Value value);
  FailureOr<Value> getRounded(Value value);
  /// Emits the rowwise kernel that computes `value`, a pending norm or take or a dense value, into `destination`.
  LogicalResult emitInto(Value value, Value destination);
  Value makeBuffer(int64_t columns, Type element);
  /// The buffer for a result: the entry's own output, if that is what `value` is, or a new one.
  Value makeDestination(Value value);
  RowRange rangeOf(Value value);
  /// Names the layer whose weights or cache the next kernel uses.
  void setLayer(Value index) { layer = index ? scalars.lookup(index) : Value(); }
  Value constant(int64_t value);

  tok::KernelOp emitKernel(StringRef family, RowRange rows, ArrayRef<FlatSymbolRefAttr> weights,
                           ValueRange inputs, ValueRange outputs, ArrayRef<NamedAttribute> config);
  void fill(Region &region, ArrayRef<Type> arguments, RegionBody body);
  NamedAttribute entryOf(StringRef name, int64_t value) {
    return builder.getNamedAttr(name, builder.getI64IntegerAttr(value));
  }
  NamedAttribute entryOf(StringRef name, StringRef value) {
    return builder.getNamedAttr(name, builder.getStringAttr(value));
  }

  ModuleOp module;
  func::FuncOp entry, program;
  OpBuilder builder;
  SymbolTable symbols;
  Location loc = UnknownLoc::get(module.getContext());
  DenseMap<Value, Lowered> lowered;
  IRMapping scalars;
  /// Outputs of the entry by the value that the model returns, and all pairs of the two.
  DenseMap<Value, Value> destinations;
  SmallVector<std::pair<Value, Value>> outputs;
  /// Frontier of the entry, its rows, its rows that ask for logits.
  Value frontier;
  RowRange all, asked;
  /// The layer of the op that is emitted, or null.
  Value layer;
  SmallVector<std::pair<tok::CacheType, Value>> caches;
  /// Angles by (base, dims, head, pairs).
  std::map<std::tuple<double, int64_t, int64_t, int>, Value> angles;
};

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

LogicalResult ProgramBuilder::run() {
  if (!entry.getBody().hasOneBlock())
    return entry.emitOpError("expects an entry of one block");
  if (failed(makeSignature()) || failed(makeAngles()) || failed(visitBlock(entry.getBody().front())))
    return failure();
  func::ReturnOp::create(builder, loc);

  Value logits;
  for (BlockArgument argument : program.getArguments())
    if (auto slot = program.getArgAttrOfType<StringAttr>(argument.getArgNumber(), tok::kSlotAttrName))
      if (slot.getValue() == "logits")
        logits = argument;
  if (logits) {
    int64_t columns = cast<MemRefType>(logits.getType()).getDimSize(1);
    setProgramEntry(module, "logits_stride", builder.getI64IntegerAttr(llvm::alignTo(columns, 16)));
  }
  SmallVector<Attribute> cacheEntries;
  for (auto [type, argument] : caches) {
    auto name = program.getArgAttrOfType<StringAttr>(cast<BlockArgument>(argument).getArgNumber(),
                                                     tok::kSlotAttrName);
    cacheEntries.push_back(builder.getDictionaryAttr(
        {builder.getNamedAttr("name", name), entryOf("slots", type.getPage()),
         entryOf("page_bytes", getCpuPageBytes(type))}));
  }
  setProgramEntry(module, "caches", builder.getArrayAttr(cacheEntries));

  std::string name = entry.getName().str();
  entry.erase();
  program.setName(name);
  for (func::FuncOp kind : llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
    if (kind->hasAttr(tok::kKindAttrName))
      kind.erase();
  return success();
}

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
      return MemRefType::get({tensor.getDimSize(0), columnsOf(type)}, tensor.getElementType());
    return MemRefType::get(tensor.getShape(), tensor.getElementType());
  };
  auto add = [&](Type type, StringAttr slot) {
    types.push_back(bufferType(type));
    attributes.push_back(
        builder.getDictionaryAttr(builder.getNamedAttr(tok::kSlotAttrName, slot)));
  };
  llvm::StringMap<unsigned> bySlot;
  for (BlockArgument argument : entry.getArguments()) {
    auto slot = entry.getArgAttrOfType<StringAttr>(argument.getArgNumber(), tok::kSlotAttrName);
    if (!slot)
      return entry.emitOpError("expects '") << tok::kSlotAttrName << "' on argument number "
                                            << argument.getArgNumber();
    bySlot[slot.getValue()] = types.size();
    add(argument.getType(), slot);
  }
  SmallVector<unsigned> places;
  for (auto [index, type] : llvm::enumerate(entry.getResultTypes())) {
    auto slot = entry.getResultAttrOfType<StringAttr>(index, tok::kSlotAttrName);
    if (!slot)
      return entry.emitOpError("expects '") << tok::kSlotAttrName << "' on result number " << index;
    auto [place, inserted] = bySlot.try_emplace(slot.getValue(), types.size());
    if (inserted)
      add(type, slot);
    places.push_back(place->second);
  }

  builder.setInsertionPoint(entry);
  program = func::FuncOp::create(builder, entry.getLoc(), (entry.getName() + ".program").str(),
                                 builder.getFunctionType(types, {}), ArrayRef<NamedAttribute>(),
                                 attributes);
  Block *body = program.addEntryBlock();
  builder.setInsertionPointToStart(body);
  for (auto [from, to] : llvm::zip(entry.getArguments(), body->getArguments())) {
    scalars.map(from, to);
    auto slot = program.getArgAttrOfType<StringAttr>(to.getArgNumber(), tok::kSlotAttrName);
    if (auto cache = dyn_cast<tok::CacheType>(to.getType())) {
      if (StringRef feature = unservedFeature(cache); !feature.empty())
        return entry.emitOpError("has no kernel for a cache with ") << feature << ": " << cache;
      caches.push_back({cache, to});
    }
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
      auto slot = entry.getArgAttrOfType<StringAttr>(argument.getArgNumber(), tok::kSlotAttrName);
      bool perAsked = llvm::is_contained({"out", "sampling", "seeds"}, slot.getValue());
      found->second.rows = perAsked ? asked : all;
    }
  auto *terminator = entry.getBody().front().getTerminator();
  for (auto [value, place] : llvm::zip_equal(terminator->getOperands(), places)) {
    if (!isa<RankedTensorType>(value.getType()))
      continue;
    Value output = body->getArgument(place);
    // What is returned as it came in is copied before anything takes its place.
    auto *at = isa<BlockArgument>(value) ? outputs.begin() : outputs.end();
    outputs.insert(at, {value, output});
    // A result that takes the place of an argument is copied there at the end, when the argument has been read.
    bool isRead = place < entry.getNumArguments() && !entry.getArgument(place).use_empty();
    if (!isRead)
      destinations[value] = output;
  }
  return success();
}

/// Every step needs the angles of its rows once, whatever the layers that read them.
LogicalResult ProgramBuilder::makeAngles() {
  module.walk([&](tok::RopeOp op) {
    int64_t head = cast<RankedTensorType>(op.getInput().getType()).getDimSize(2);
    double base = op.getBase().convertToDouble();
    int64_t dims = op.getDims();
    auto [place, inserted] =
        angles.try_emplace({base, dims, head, static_cast<int>(op.getPairs())}, Value());
    if (!inserted)
      return;
    loc = op.getLoc();
    place->second = makeBuffer(2 * head, builder.getF32Type());
    emitKernel("angles", all, {}, {}, place->second,
               {builder.getNamedAttr("base", builder.getF64FloatAttr(base)), entryOf("dims", dims),
                entryOf("head", head), entryOf("pairs", tok::stringifyRopePairs(op.getPairs()))});
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
      return entry.emitOpError("has no kernel that copies a result of type ") << value.getType();
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
      .Case([&](tok::TakeOp take) { return visitTake(take); })
      .Case([&](tok::EmbedOp embed) { return visitEmbed(embed); })
      .Case([&](tok::LinearOp linear) { return visitLinear(linear); })
      .Case([&](tok::RopeOp rope) { return visitRope(rope); })
      .Case([&](tok::GatedOp gated) { return visitGated(gated); })
      .Case([&](tok::AppendOp append) { return visitAppend(append); })
      .Case([&](tok::AttentionOp attention) { return visitAttention(attention); })
      .Case([&](tok::SampleOp sample) { return visitSample(sample); })
      .Case([&](tok::StackOp stack) { return visitStack(stack); })
      .Default([&](Operation *other) { return visitElementwise(*other); });
}

LogicalResult ProgramBuilder::visitStack(tok::StackOp op) {
  if (!frontier || lowered[op.getFrontier()].dense != frontier)
    return op.emitOpError("expects its frontier to be the entry's argument of slot 'frontier'");
  FailureOr<Value> input = getDense(op.getInput());
  if (failed(input))
    return failure();
  Value full = scalars.lookup(op.getFullRows()), begin = scalars.lookup(op.getBegin()),
        end = scalars.lookup(op.getEnd());
  Value entries = constant(op.getLayers().size()), zero = constant(0), one = constant(1);
  auto compare = [&](arith::CmpIPredicate predicate, Value a, Value b) -> Value {
    return arith::CmpIOp::create(builder, loc, predicate, a, b);
  };
  auto select = [&](Value condition, Value a, Value b) -> Value {
    return arith::SelectOp::create(builder, loc, condition, a, b);
  };

  // The stack works in place on its input when nobody else reads it.
  Value stream = *input;
  if (!op.getInput().hasOneUse() || isa<BlockArgument>(op.getInput())) {
    stream = makeBuffer(columnsOf(op.getInput().getType()), builder.getF32Type());
    if (failed(emitInto(op.getInput(), stream)))
      return failure();
  }
  auto copyRows = [&](Value from, Value to, RowRange rows) {
    auto kernel = emitKernel("rowwise", rows, {}, from, to,
                             {entryOf("columns", columnsOf(op.getInput().getType()))});
    fill(kernel.getPrologue(), {builder.getF32Type()},
         [](ValueRange arguments) { return SmallVector<Value>(arguments); });
  };
  Value starts = compare(arith::CmpIPredicate::eq, begin, zero);
  copyRows(lowered[op.getFrontier()].dense, stream, {select(starts, all.end, full), all.end});

  // Tables by entry: its layer, and its kind when there are several.
  auto makeTable = [&](StringRef name, ArrayRef<int64_t> values) {
    auto type = MemRefType::get({static_cast<int64_t>(values.size())}, builder.getI64Type());
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(program);
    auto initial = DenseElementsAttr::get(
        RankedTensorType::get(type.getShape(), builder.getI64Type()), values);
    auto table = memref::GlobalOp::create(builder, loc, name, builder.getStringAttr("private"), type,
                                          initial, /*constant=*/true, /*alignment=*/IntegerAttr());
    symbols.insert(table); // another entry may have tables too
    return table;
  };
  bool identity = llvm::equal(op.getLayers(), llvm::seq<int64_t>(0, op.getLayers().size()));
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
      Value table = memref::GetGlobalOp::create(builder, loc, global.getType(), global.getSymName());
      Value entry = memref::LoadOp::create(builder, loc, table, index);
      return arith::IndexCastOp::create(builder, loc, builder.getIndexType(), entry);
    };
    Value inRange = arith::AndIOp::create(builder, loc,
                                          compare(arith::CmpIPredicate::ule, begin, index),
                                          compare(arith::CmpIPredicate::ult, index, end));
    Value rows = select(inRange, all.end, full);
    Value layerIndex = identity ? index : lookup(layerTable);
    if (!kindTable) {
      auto kind = symbols.lookup<func::FuncOp>(cast<FlatSymbolRefAttr>(op.getKinds()[0]).getValue());
      if (failed(inlineKind(op, kind, stream, layerIndex, rows)))
        return failure();
    } else {
      SmallVector<int64_t> cases = llvm::to_vector(llvm::seq<int64_t>(1, op.getKinds().size()));
      auto dispatch = scf::IndexSwitchOp::create(builder, loc, TypeRange(), lookup(kindTable),
                                                 cases, cases.size());
      for (auto [number, symbol] : llvm::enumerate(op.getKinds().getAsRange<FlatSymbolRefAttr>())) {
        Region &region = number ? dispatch.getCaseRegions()[number - 1] : dispatch.getDefaultRegion();
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

LogicalResult ProgramBuilder::inlineKind(tok::StackOp op, func::FuncOp kind, Value stream, Value layerIndex,
                                         Value rows) {
  if (!kind.getBody().hasOneBlock())
    return kind.emitOpError("expects a kind of one block");
  Block &body = kind.getBody().front();
  // Another stack may have inlined the kind before.
  for (Operation &inner : body)
    for (Value value : inner.getResults())
      lowered.erase(value);
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

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

Value ProgramBuilder::constant(int64_t value) {
  return arith::ConstantIndexOp::create(builder, loc, value);
}

Value ProgramBuilder::makeBuffer(int64_t columns, Type element) {
  auto type = MemRefType::get({ShapedType::kDynamic, columns}, element);
  return tok::BufferOp::create(builder, loc, type, IntegerAttr());
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
                                         ArrayRef<FlatSymbolRefAttr> weights, ValueRange inputs,
                                         ValueRange outputs, ArrayRef<NamedAttribute> config) {
  ArrayAttr weightsAttr;
  bool layered = false;
  if (!weights.empty())
    weightsAttr = builder.getArrayAttr(SmallVector<Attribute>(weights.begin(), weights.end()));
  for (FlatSymbolRefAttr symbol : weights)
    layered |= symbols.lookup<tok::WeightOp>(symbol.getValue()).getLayers().has_value();
  bool needsLayer = layered || llvm::any_of(inputs, [](Value v) { return isa<tok::CacheType>(v.getType()); }) ||
                    llvm::any_of(outputs, [](Value v) { return isa<tok::CacheType>(v.getType()); });
  return tok::KernelOp::create(builder, loc, builder.getStringAttr(family), rows.begin, rows.end,
                               needsLayer ? layer : Value(), weightsAttr, inputs, outputs,
                               builder.getDictionaryAttr(config));
}

void ProgramBuilder::fill(Region &region, ArrayRef<Type> arguments, RegionBody body) {
  OpBuilder::InsertionGuard guard(builder);
  SmallVector<Location> locations(arguments.size(), loc);
  Block *block = builder.createBlock(&region, {}, arguments, locations);
  SmallVector<Value> results = body(block->getArguments());
  tok::YieldOp::create(builder, loc, results);
}

LogicalResult ProgramBuilder::emitInto(Value value, Value destination) {
  loc = value.getLoc();
  Type f32 = builder.getF32Type();
  SmallVector<NamedAttribute> config = {entryOf("columns", columnsOf(value.getType()))};
  auto norm = lowered[value].dense ? tok::NormOp() : value.getDefiningOp<tok::NormOp>();
  Value source = norm ? norm.getInput() : value;
  auto take = lowered[source].dense ? tok::TakeOp() : source.getDefiningOp<tok::TakeOp>();
  if (norm && cast<RankedTensorType>(norm.getInput().getType()).getRank() != 2)
    return norm.emitOpError("has no kernel for a norm of single heads");
  if (norm && norm.getKind() != tok::NormKind::Rms)
    return norm.emitOpError("has no kernel for a layer norm");

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
  auto kernel = emitKernel("rowwise", rangeOf(value), weights, inputs, destination, config);
  SmallVector<Type> arguments(1 + weights.size(), f32);
  fill(kernel.getPrologue(), arguments, [&](ValueRange in) -> SmallVector<Value> {
    if (!norm)
      return {in[0]};
    // x * (1 / sqrt(mean(x^2) + eps)) * w
    auto number = [&](double v) -> Value {
      return arith::ConstantOp::create(builder, loc, builder.getFloatAttr(f32, v));
    };
    Value square = arith::MulFOp::create(builder, loc, in[0], in[0]);
    Value sum = tok::ReduceRowOp::create(builder, loc, f32, square);
    Value mean = arith::DivFOp::create(builder, loc, sum, number(columnsOf(value.getType())));
    Value shifted = arith::AddFOp::create(builder, loc, mean, number(norm.getEps().convertToDouble()));
    Value root = math::SqrtOp::create(builder, loc, shifted);
    Value inverse = arith::DivFOp::create(builder, loc, number(1.0), root);
    Value scaled = arith::MulFOp::create(builder, loc, in[0], inverse);
    return {arith::MulFOp::create(builder, loc, scaled, in[1])};
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
  Value destination = makeBuffer(getQuantizedRowBytes(columnsOf(value.getType())), builder.getI8Type());
  if (failed(emitInto(value, destination)))
    return failure();
  return lowered[value].rounded = destination;
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

LogicalResult ProgramBuilder::visitEmbed(tok::EmbedOp op) {
  RowRange rows = all;
  // Rows that enter from the frontier have no token.
  if (op->hasOneUse())
    if (auto stack = dyn_cast<tok::StackOp>(*op->user_begin())) {
      Value starts = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                           scalars.lookup(stack.getBegin()), constant(0));
      rows.end = arith::SelectOp::create(builder, loc, starts, all.end,
                                         scalars.lookup(stack.getFullRows()));
    }
  Value destination = makeDestination(op.getOutput());
  emitKernel("embed", rows, op.getWeightSymbols(), lowered[op.getIds()].dense, destination,
             {entryOf("columns", columnsOf(op.getOutput().getType())),
              builder.getNamedAttr("scale", op.getScaleAttr())});
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
    Operation *other = user->getOperand(1 - use.getOperandNumber()).getDefiningOp();
    return !other || other->getBlock() != op->getBlock() || !isa<tok::LinearOp>(other) ||
           other->isBeforeInBlock(op);
  }
  if (auto gated = dyn_cast<tok::GatedOp>(user)) {
    auto gate = gated.getGate().getDefiningOp<tok::LinearOp>();
    auto up = gated.getUp().getDefiningOp<tok::LinearOp>();
    return gate && up && gate != up && gate->hasOneUse() && up->hasOneUse() &&
           gate.getInput() == up.getInput() && gate.getLayer() == up.getLayer() &&
           gate.getComputeAttr() == up.getComputeAttr() &&
           static_cast<bool>(gate.getBias()) == static_cast<bool>(up.getBias());
  }
  return false;
}

/// Emits one kernel for `linears`, which read the same input. The epilogue gets the sums (bias added) and
/// then one element of each of `extras`.
LogicalResult ProgramBuilder::emitLinear(ArrayRef<tok::LinearOp> linears, ValueRange extras, Type outputType,
                                         Value destination, RegionBody epilogue, Value result) {
  tok::LinearOp first = linears.front();
  bool rounded = first.getCompute().has_value();
  FailureOr<Value> input = rounded ? getRounded(first.getInput()) : getDense(first.getInput());
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
                 {entryOf("matrices", count), entryOf("inputs", columnsOf(first.getInput().getType())),
                  entryOf("outputs", columnsOf(outputType)), entryOf("compute", rounded ? "i8" : "f32")});
  if (epilogue || !biases.empty()) {
    SmallVector<Type> arguments(count + biases.size() + extras.size(), builder.getF32Type());
    fill(kernel.getEpilogue(), arguments, [&](ValueRange in) {
      SmallVector<Value> values;
      for (int64_t i = 0; i < count; ++i)
        values.push_back(biases.empty() ? in[i]
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
  return emitLinear(op, {}, op.getOutput().getType(), makeDestination(op.getOutput()), {}, op.getOutput());
}

LogicalResult ProgramBuilder::visitGated(tok::GatedOp op) {
  Value destination = makeDestination(op.getOutput());
  auto first = op.getGate().getDefiningOp<tok::LinearOp>();
  auto second = op.getUp().getDefiningOp<tok::LinearOp>();
  auto epilogue = [&](ValueRange in) -> SmallVector<Value> {
    return {emitGate(builder, loc, op.getActivation(), in[0], in[1])};
  };
  if (first && second && isDeferred(first))
    return emitLinear({first, second}, {}, op.getOutput().getType(), destination, epilogue,
                      op.getOutput());
  FailureOr<Value> gateValue = getDense(op.getGate()), up = getDense(op.getUp());
  if (failed(gateValue) || failed(up))
    return failure();
  loc = op.getLoc();
  auto kernel = emitKernel("rowwise", rangeOf(op.getGate()), {}, {*gateValue, *up}, destination,
                           {entryOf("columns", columnsOf(op.getOutput().getType()))});
  fill(kernel.getPrologue(), {builder.getF32Type(), builder.getF32Type()}, epilogue);
  lowered[op.getOutput()] = {destination, Value(), rangeOf(op.getGate())};
  return success();
}

/// Whether nothing reads `value` after `op`, nor an op that waits for its readers.
bool ProgramBuilder::isDeadAfter(Value value, Operation *op) {
  return llvm::all_of(value.getUsers(), [&](Operation *user) {
    if (user == op)
      return true;
    if (user->getBlock() != op->getBlock() || !user->isBeforeInBlock(op))
      return false;
    bool waits = isa<tok::NormOp, tok::TakeOp>(user) || isDeferred(user);
    return !waits || llvm::all_of(user->getResults(), [&](Value v) { return isDeadAfter(v, op); });
  });
}

/// An elementwise op of arith or math on tensors: a rowwise kernel of that op, or the epilogue of the
/// linear that it adds.
LogicalResult ProgramBuilder::visitElementwise(Operation &op) {
  if (op.getNumResults() != 1 || !op.hasTrait<OpTrait::Elementwise>() ||
      !isa<RankedTensorType>(op.getResult(0).getType()))
    return op.emitOpError("has no kernel: a model holds tok ops and elementwise ops on rows");
  for (Type type : llvm::concat<Type>(llvm::to_vector(op.getOperandTypes()), llvm::to_vector(op.getResultTypes())))
    if (!getElementTypeOrSelf(type).isF32())
      return op.emitOpError("has no kernel for values other than f32, but got ") << type;
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
      // Arguments are the caller's; and other outputs of the row still read what they sum.
      bool isArgument = isa<BlockArgument>(residual) && residual.getParentBlock() == &entry.getBody().front();
      bool isSummed = linear.getInput() == residual && !linear.getCompute();
      bool inPlace = !isArgument && !isSummed && isDeadAfter(residual, &op) &&
                     !destinations.contains(result);
      Value destination = inPlace ? *dense : makeDestination(result);
      return emitLinear(linear, *dense, result.getType(), destination,
                        [&](ValueRange in) -> SmallVector<Value> {
                          return {arith::AddFOp::create(builder, loc, in[1], in[0])};
                        },
                        result);
    }
  SmallVector<Value> inputs;
  SmallVector<Type> arguments;
  for (Value operand : op.getOperands()) {
    FailureOr<Value> dense = getDense(operand);
    if (failed(dense))
      return failure();
    inputs.push_back(*dense);
    arguments.push_back(builder.getF32Type());
  }
  loc = op.getLoc();
  Value destination = makeDestination(result);
  auto kernel = emitKernel("rowwise", rangeOf(op.getOperand(0)), {}, inputs, destination,
                           {entryOf("columns", columnsOf(result.getType()))});
  fill(kernel.getPrologue(), arguments, [&](ValueRange in) -> SmallVector<Value> {
    IRMapping mapping;
    for (auto [from, to] : llvm::zip_equal(op.getOperands(), in))
      mapping.map(from, to);
    Operation *clone = builder.clone(op, mapping);
    clone->getResult(0).setType(builder.getF32Type());
    return {clone->getResult(0)};
  });
  lowered[result] = {destination, Value(), rangeOf(op.getOperand(0))};
  return success();
}

/// Emitted by its readers.
LogicalResult ProgramBuilder::visitTake(tok::TakeOp op) {
  if (op.getRows())
    return op.emitOpError("has no kernel for rows that go on with their columns");
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
  Value table = angles[{op.getBase().convertToDouble(), static_cast<int64_t>(op.getDims()), head,
                        static_cast<int>(op.getPairs())}];
  auto kernel = emitKernel("rowwise", rangeOf(op.getInput()), {}, {*input, table}, destination,
                           {entryOf("columns", columnsOf(op.getInput().getType())),
                            entryOf("angles", 1), entryOf("head", head)});
  Type f32 = builder.getF32Type();
  fill(kernel.getPrologue(), {f32, f32, f32}, [&](ValueRange in) -> SmallVector<Value> {
    Value partner = tok::PartnerOp::create(builder, loc, f32, in[0], op.getPairs(), head, op.getDims());
    Value straight = arith::MulFOp::create(builder, loc, in[0], in[1]);
    return {math::FmaOp::create(builder, loc, partner, in[2], straight)};
  });
  lowered[op.getOutput()] = {destination, Value(), rangeOf(op.getInput())};
  return success();
}

LogicalResult ProgramBuilder::visitAppend(tok::AppendOp op) {
  Value cache = scalars.lookup(op.getCache());
  auto *found = llvm::find_if(caches, [&](auto &entry) { return entry.second == cache; });
  tok::CacheType type = found->first;
  Type f32 = builder.getF32Type();
  int64_t number = found - caches.begin();

  auto rope = op.getKey().getDefiningOp<tok::RopeOp>();
  if (rope && (lowered[rope.getOutput()].dense || !isDeferred(rope)))
    rope = {};
  FailureOr<Value> key = getDense(rope ? rope.getInput() : op.getKey());
  FailureOr<Value> value = getDense(op.getValue());
  if (failed(key) || failed(value))
    return failure();
  loc = op.getLoc();
  SmallVector<Value> inputs = {*key};
  SmallVector<NamedAttribute> config = {entryOf("columns", columnsOf(op.getKey().getType())),
                                        entryOf("cache", number), entryOf("side", "k"),
                                        entryOf("head", type.getKSize())};
  SmallVector<Type> arguments = {f32};
  if (rope) {
    inputs.push_back(angles[{rope.getBase().convertToDouble(), static_cast<int64_t>(rope.getDims()),
                             type.getKSize(), static_cast<int>(rope.getPairs())}]);
    config.push_back(entryOf("angles", 1));
    arguments.append(2, f32);
  }
  setLayer(op.getLayer());
  auto keys = emitKernel("rowwise", all, {}, inputs, cache, config);
  fill(keys.getPrologue(), arguments, [&](ValueRange in) -> SmallVector<Value> {
    if (!rope)
      return {in[0]};
    Value partner = tok::PartnerOp::create(builder, loc, f32, in[0], rope.getPairs(), type.getKSize(),
                                           rope.getDims());
    Value straight = arith::MulFOp::create(builder, loc, in[0], in[1]);
    return {math::FmaOp::create(builder, loc, partner, in[2], straight)};
  });
  auto values = emitKernel("rowwise", all, {}, *value, cache,
                           {entryOf("columns", columnsOf(op.getValue().getType())),
                            entryOf("cache", number), entryOf("side", "v"),
                            entryOf("head", type.getVSize())});
  fill(values.getPrologue(), {f32}, [](ValueRange in) { return SmallVector<Value>(in); });
  scalars.map(op.getOutput(), cache);
  return success();
}

LogicalResult ProgramBuilder::visitAttention(tok::AttentionOp op) {
  if (op.getLse() || op.getKeyMass() || op.getWindowProbs())
    return op.emitOpError("has no kernel for optional results; the reference backend computes lse");
  if (!op.getMask().getCausal())
    return op.emitOpError("has no kernel for the mask ") << op.getMask() << "; expected lane(step = pos)";
  FailureOr<Value> query = getDense(op.getQuery());
  if (failed(query))
    return failure();
  loc = op.getLoc();
  auto model = module->getAttrOfType<tok::ModelAttr>(tok::kModelAttrName);
  if (!model)
    return op.emitOpError("expects the module to have '") << tok::kModelAttrName << "'";
  Value cache = scalars.lookup(op.getCache());
  auto *found = llvm::find_if(caches, [&](auto &entry) { return entry.second == cache; });
  Value destination = makeDestination(op.getOutput());
  setLayer(op.getLayer());
  emitKernel("attention", all, {}, {*query, cache}, destination,
             {entryOf("heads", cast<RankedTensorType>(op.getQuery().getType()).getDimSize(1)),
              builder.getNamedAttr("scale", op.getScaleAttr()),
              entryOf("window", op.getMask().getWindow()), entryOf("cache", found - caches.begin()),
              entryOf("context", model.getContextLength())});
  lowered[op.getOutput()] = {destination, Value(), all};
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
  emitKernel("sample", rangeOf(op.getLogits()), {},
             {*logits, lowered[op.getParams()].dense, lowered[op.getSeeds()].dense},
             destination->second, {entryOf("vocab", op.getLogits().getType().getDimSize(1))});
  lowered[op.getTokens()] = {destination->second, Value(), rangeOf(op.getLogits())};
  return success();
}

struct LowerToProgramPass : tokopt::impl::LowerToProgramPassBase<LowerToProgramPass> {
  using LowerToProgramPassBase::LowerToProgramPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    for (func::FuncOp entry : llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
      if (!entry.isPrivate() && failed(ProgramBuilder(module, entry).run()))
        return signalPassFailure();
  }
};

} // namespace

void tokopt::setProgramEntry(ModuleOp module, StringRef name, Attribute value) {
  NamedAttrList entries(module->getAttrOfType<DictionaryAttr>(tok::kProgramAttrName));
  entries.set(name, value);
  module->setAttr(tok::kProgramAttrName, entries.getDictionary(module.getContext()));
}
