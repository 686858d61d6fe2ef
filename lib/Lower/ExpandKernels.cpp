//===- ExpandKernels.cpp - Replace kernels by calls of functions ----------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Contract: exact.
//
//===----------------------------------------------------------------------===//

#include "lib/Lower/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/OperationSupport.h"

namespace tokopt {
#define GEN_PASS_DEF_EXPANDKERNELSPASS
#include "lib/Lower/Passes.h.inc"
} // namespace tokopt

using namespace mlir;
using namespace tokopt;

namespace {

/// Expands the entries of one module, which share functions and tables.
class Expander {
public:
  Expander(ModuleOp module, const Machine &machine)
      : module(module), target(*machine.target), machine(*machine.description),
        symbols(module), builder(module.getContext()) {
    if (auto program =
            module->getAttrOfType<DictionaryAttr>(tok::kProgramAttrName))
      if (auto bytes = program.getAs<IntegerAttr>("scratch_bytes"))
        scratchBytes = bytes.getInt();
  }

  /// Calls functions beside the kernels of `entry`.
  LogicalResult expand(func::FuncOp entry);
  /// Lists the functions in the module's `tok.program` and removes what has
  /// been expanded. Until then, entries compare their kernels with those of
  /// others.
  void finish();

private:
  Type pointer() { return LLVM::LLVMPointerType::get(module.getContext()); }
  Value load(Slot slot, Type type);
  Value offset(Value base, Value bytes);
  Value constant(int64_t value) {
    return arith::ConstantIntOp::create(builder, loc, builder.getI64Type(),
                                        value);
  }
  Value toI64(Value index) {
    return arith::IndexCastOp::create(builder, loc, builder.getI64Type(),
                                      index);
  }

  void bindHook(func::FuncOp entry);
  LogicalResult bindArguments(func::FuncOp entry);
  Value addressOf(Value operand);
  Value addressOf(FlatSymbolRefAttr weight, Value layer);
  LogicalResult expand(tok::KernelOp kernel);
  void expand(tok::ProbeOp probe);
  FailureOr<func::FuncOp> getFunction(tok::KernelOp kernel);
  bool isSameKernel(tok::KernelOp a, tok::KernelOp b);

  ModuleOp module;
  const KernelTarget &target;
  const TargetDescription &machine;
  SymbolTable symbols;
  OpBuilder builder;
  Location loc = UnknownLoc::get(module.getContext());
  func::FuncOp barrier;
  Value frame, worker, weights, workspace, capacity, scratch, null;
  /// The runtime's hook, null for all workers but the first, its data, and
  /// whether there is one. Null in an entry without probes.
  Value hook, hookData, isHeard;
  /// From one worker's scratch to the next.
  int64_t scratchBytes = 0;
  DenseMap<Value, Value> addresses;
  SmallVector<std::pair<tok::KernelOp, func::FuncOp>> functions;
  SmallVector<func::FuncOp> entries;
};

Value Expander::load(Slot slot, Type type) {
  Value address = offset(frame, constant(8 * static_cast<int64_t>(slot)));
  return LLVM::LoadOp::create(builder, loc, type, address);
}

Value Expander::offset(Value base, Value bytes) {
  return LLVM::GEPOp::create(builder, loc, pointer(), builder.getI8Type(), base,
                             ArrayRef<LLVM::GEPArg>{bytes});
}

/// Loads the runtime's hook where `entry` has probes. Off means absent: the
/// code of other entries does not look at it.
void Expander::bindHook(func::FuncOp entry) {
  bool hasProbe =
      entry.walk([](tok::ProbeOp) { return WalkResult::interrupt(); })
          .wasInterrupted();
  if (!hasProbe)
    return;
  Value isFirst = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                        worker, constant(0));
  Value given = load(Slot::Instrument, pointer());
  hook = LLVM::SelectOp::create(builder, loc, isFirst, given, null);
  hookData = load(Slot::InstrumentData, pointer());
  isHeard =
      LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::ne, hook, null);
}

/// Replaces the entry's arguments by loads from the frame.
LogicalResult Expander::bindArguments(func::FuncOp entry) {
  Block &body = entry.getBody().front();
  unsigned count = body.getNumArguments();
  SmallVector<StringAttr> slots;
  for (unsigned i = 0; i < count; ++i)
    slots.push_back(entry.getArgAttrOfType<StringAttr>(i, tok::kSlotAttrName));
  loc = entry.getLoc();
  frame = body.insertArgument(0u, pointer(), loc);
  worker = body.insertArgument(1u, builder.getI64Type(), loc);
  builder.setInsertionPointToStart(&body);
  weights = load(Slot::Weights, pointer());
  workspace = load(Slot::Workspace, pointer());
  capacity = load(Slot::Capacity, builder.getI64Type());
  scratch = load(Slot::Scratch, pointer());
  null = LLVM::ZeroOp::create(builder, loc, pointer());
  bindHook(entry);

  for (auto [name, argument] :
       llvm::zip_equal(slots, body.getArguments().drop_front(2))) {
    if (isa<tok::RowsType, tok::CacheType>(argument.getType())) {
      addresses[argument] = null;
      continue;
    }
    std::optional<Slot> slot = name ? findSlot(name.getValue()) : std::nullopt;
    if (!slot)
      return entry.emitOpError("has an argument of unknown slot ")
             << (name ? Attribute(name) : builder.getStringAttr(""))
             << "; see docs/bundle.md";
    if (isa<MemRefType>(argument.getType())) {
      addresses[argument] = load(*slot, pointer());
      continue;
    }
    Value value = load(*slot, builder.getI64Type());
    Value index =
        arith::IndexCastOp::create(builder, loc, builder.getIndexType(), value);
    argument.replaceAllUsesWith(index);
  }
  for (auto dim : llvm::make_early_inc_range(body.getOps<memref::DimOp>())) {
    auto argument = dyn_cast<BlockArgument>(dim.getSource());
    if (!argument)
      return dim.emitOpError(
          "expects the memref to be an argument of the entry");
    StringRef name = slots[argument.getArgNumber() - 2].getValue();
    Slot slot = name == "out" ? Slot::Outs : Slot::Rows;
    Value count = load(slot, builder.getI64Type());
    dim.replaceAllUsesWith(
        arith::IndexCastOp::create(builder, loc, builder.getIndexType(), count)
            .getResult());
    dim.erase();
  }
  SmallVector<tok::BufferOp> buffers;
  entry.walk([&](tok::BufferOp buffer) { buffers.push_back(buffer); });
  for (tok::BufferOp buffer : buffers) {
    if (!buffer.getOffset())
      return buffer.emitOpError("has no place yet; run tok-plan-buffers first");
    if (buffer.getWorkerRows()) {
      Value own =
          arith::MulIOp::create(builder, loc, worker, constant(scratchBytes));
      Value place = constant(*buffer.getOffset());
      addresses[buffer.getMemref()] =
          offset(scratch, arith::AddIOp::create(builder, loc, own, place));
      continue;
    }
    Value bytes = arith::MulIOp::create(builder, loc, capacity,
                                        constant(*buffer.getOffset()));
    addresses[buffer.getMemref()] = offset(workspace, bytes);
  }
  return success();
}

Value Expander::addressOf(Value operand) { return addresses.lookup(operand); }

/// Weights of one layer: through a table by layer, for families.
Value Expander::addressOf(FlatSymbolRefAttr symbol, Value layer) {
  auto weight = symbols.lookup<tok::WeightOp>(symbol.getValue());
  ArrayRef<int64_t> image = *weight.getImage();
  if (!weight.getLayers())
    return offset(weights, constant(image[0]));
  std::string name = ("offsets." + symbol.getValue()).str();
  ArrayRef<int64_t> layers = *weight.getLayers();
  auto type = MemRefType::get({layers.back() + 1}, builder.getI64Type());
  if (!symbols.lookup(name)) {
    // Layers that are no members are never asked for.
    SmallVector<int64_t> table(layers.back() + 1, 0);
    for (auto [member, place] : llvm::zip_equal(layers, image))
      table[member] = place;
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(module.getBody());
    auto initial = DenseElementsAttr::get(
        RankedTensorType::get(type.getShape(), builder.getI64Type()),
        ArrayRef<int64_t>(table));
    auto global = memref::GlobalOp::create(
        builder, loc, name, builder.getStringAttr("private"), type, initial,
        /*constant=*/true, /*alignment=*/IntegerAttr());
    symbols.insert(global);
  }
  Value table = memref::GetGlobalOp::create(builder, loc, type, name);
  Value bytes = memref::LoadOp::create(builder, loc, table, layer);
  return offset(weights, bytes);
}

/// Whether one function serves both: all but the values they are called with is
/// equal.
bool Expander::isSameKernel(tok::KernelOp a, tok::KernelOp b) {
  auto weightTypes = [&](tok::KernelOp op) {
    SmallVector<Type> types;
    if (op.getWeights())
      for (auto symbol : op.getWeights()->getAsRange<FlatSymbolRefAttr>())
        types.push_back(
            symbols.lookup<tok::WeightOp>(symbol.getValue()).getType());
    return types;
  };
  auto equivalent = [](Region &x, Region &y) {
    return OperationEquivalence::isRegionEquivalentTo(
        &x, &y, OperationEquivalence::Flags::IgnoreLocations);
  };
  return a.getFamily() == b.getFamily() && a.getConfig() == b.getConfig() &&
         a.getInputs().getTypes() == b.getInputs().getTypes() &&
         a.getOutputs().getTypes() == b.getOutputs().getTypes() &&
         weightTypes(a) == weightTypes(b) &&
         equivalent(a.getPrologue(), b.getPrologue()) &&
         equivalent(a.getEpilogue(), b.getEpilogue());
}

FailureOr<func::FuncOp> Expander::getFunction(tok::KernelOp kernel) {
  for (auto &[other, function] : functions)
    if (isSameKernel(kernel, other))
      return function;
  FailureOr<const KernelTemplate *> found = findKernelTemplate(kernel, target);
  if (failed(found))
    return failure();
  const KernelTemplate *generator = *found;
  FailureOr<KernelChoice> choice = generator->choose(kernel, machine);
  if (failed(choice))
    return failure();
  for (NamedAttribute entry : choice->config)
    if (!kernel.getConfig().contains(entry.getName()))
      return kernel.emitOpError("has no ")
             << entry.getName() << " yet; run tok-choose-kernels first";
  if (generator->getScratchBytes(kernel) &&
      !kernel.getConfig().contains("scratch"))
    return kernel.emitOpError("has no scratch yet; run tok-plan-buffers first");
  if (generator->getSharedBytes(kernel) &&
      !kernel.getConfig().contains("row_bytes"))
    return kernel.emitOpError(
        "has no row_bytes yet; run tok-plan-buffers first");
  Type i64 = builder.getI64Type();
  SmallVector<Type> types = {pointer(), i64, i64, i64, i64};
  size_t pointers = (kernel.getWeights() ? kernel.getWeights()->size() : 0) +
                    kernel.getInputs().size() + kernel.getOutputs().size();
  types.append(pointers, pointer());
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(module.getBody());
  std::string name = (kernel.getFamily() + "_" + Twine(functions.size())).str();
  auto function = func::FuncOp::create(builder, kernel.getLoc(), name,
                                       builder.getFunctionType(types, {}));
  function.setPrivate();
  // Names in a profile are worth more than the cost of a call a kernel.
  function->setAttr("passthrough", builder.getStrArrayAttr({"noinline"}));
  function.addEntryBlock();
  if (failed(generator->emit(kernel, function, machine)))
    return failure();
  functions.push_back({kernel, function});
  return function;
}

LogicalResult Expander::expand(tok::KernelOp kernel) {
  FailureOr<func::FuncOp> function = getFunction(kernel);
  if (failed(function))
    return failure();
  loc = kernel.getLoc();
  builder.setInsertionPoint(kernel);
  SmallVector<Value> operands = {
      frame, worker, toI64(kernel.getRowBegin()), toI64(kernel.getRowEnd()),
      kernel.getLayer() ? toI64(kernel.getLayer()) : constant(0)};
  if (kernel.getWeights())
    for (auto symbol : kernel.getWeights()->getAsRange<FlatSymbolRefAttr>())
      operands.push_back(addressOf(symbol, kernel.getLayer()));
  for (Value operand :
       llvm::concat<Value>(llvm::to_vector(kernel.getInputs()),
                           llvm::to_vector(kernel.getOutputs()))) {
    Value address = addressOf(operand);
    if (!address)
      return kernel.emitOpError(
          "expects operands that are arguments of the entry or buffers");
    operands.push_back(address);
  }
  func::CallOp::create(builder, loc, *function, operands);
  return success();
}

/// Bytes from one row of a buffer or of an argument to the next.
static int64_t rowBytes(MemRefType type) {
  int64_t element = type.getElementTypeBitWidth() / 8;
  return type.getRank() == 1 ? element
                             : llvm::alignTo(type.getDimSize(1) * element, 64);
}

void Expander::expand(tok::ProbeOp probe) {
  loc = probe.getLoc();
  builder.setInsertionPoint(probe);
  auto call = scf::IfOp::create(builder, loc, isHeard);
  builder.setInsertionPoint(call.thenBlock()->getTerminator());
  auto orElse = [&](Value index, int64_t otherwise) {
    return index ? toI64(index) : constant(otherwise);
  };
  Value value = probe.getValue();
  Value address = value ? addressOf(value) : null;
  int64_t bytes = value ? rowBytes(cast<MemRefType>(value.getType())) : 0;
  Type i64 = builder.getI64Type();
  auto type = LLVM::LLVMFunctionType::get(
      LLVM::LLVMVoidType::get(builder.getContext()),
      {pointer(), i64, i64, i64, i64, pointer(), i64});
  LLVM::CallOp::create(
      builder, loc, type,
      ValueRange{hook, hookData, constant(probe.getNumber()),
                 orElse(probe.getLayer(), -1), orElse(probe.getRowBegin(), 0),
                 orElse(probe.getRowEnd(), 0), address, constant(bytes)});
}

LogicalResult Expander::expand(func::FuncOp entry) {
  if (!barrier)
    barrier = target.emitBarrier(module);
  if (!barrier)
    return entry.emitOpError("cannot call kernels of the target '")
           << target.getName() << "' yet; tokopt-kernels emits them one by one";
  if (failed(bindArguments(entry)))
    return failure();
  entries.push_back(entry);
  WalkResult result = entry.walk([&](tok::ProbeOp probe) {
    if (!probe.getValue() ||
        (addressOf(probe.getValue()) && probe.getRowBegin()))
      return WalkResult::advance();
    probe.emitOpError(
        "expects rows of an argument of the entry or of a buffer");
    return WalkResult::interrupt();
  });
  if (result.wasInterrupted())
    return failure();
  result = entry.walk(
      [&](tok::KernelOp kernel) { return WalkResult(expand(kernel)); });
  entry.walk([&](tok::ProbeOp probe) { expand(probe); });
  return failure(result.wasInterrupted());
}

void Expander::finish() {
  if (entries.empty())
    return;
  SmallVector<Attribute> listed;
  for (auto &[kernel, function] : functions) {
    std::string config;
    llvm::raw_string_ostream(config) << kernel.getConfig();
    listed.push_back(builder.getDictionaryAttr(
        {builder.getNamedAttr("name",
                              builder.getStringAttr(function.getName())),
         builder.getNamedAttr("family", kernel.getFamilyAttr()),
         builder.getNamedAttr("config", builder.getStringAttr(config))}));
  }
  setProgramEntry(module, "kernels", builder.getArrayAttr(listed));

  barrier->moveBefore(module.getBody(), module.getBody()->end());
  for (func::FuncOp entry : entries) {
    Block &body = entry.getBody().front();
    entry.walk([&](tok::KernelOp kernel) { kernel.erase(); });
    entry.walk([&](tok::ProbeOp probe) { probe.erase(); });
    entry.walk([&](tok::BarrierOp op) {
      builder.setInsertionPoint(op);
      func::CallOp::create(builder, op.getLoc(), barrier, body.getArgument(0));
      op.erase();
    });
    entry.walk([&](tok::BufferOp buffer) { buffer.erase(); });
    body.eraseArguments(2, body.getNumArguments() - 2);
    entry.removeArgAttrsAttr();
    entry.setFunctionType(builder.getFunctionType(body.getArgumentTypes(), {}));
  }
}

struct ExpandKernelsPass
    : tokopt::impl::ExpandKernelsPassBase<ExpandKernelsPass> {
  using ExpandKernelsPassBase::ExpandKernelsPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<Machine> machine = findMachine(module, target);
    if (failed(machine))
      return signalPassFailure();
    for (tok::WeightOp weight : tok::getStoredWeights(module))
      if (!weight.getImage()) {
        weight.emitOpError(
            "has no place in the image yet; run tok-plan-image first");
        return signalPassFailure();
      }
    Expander expander(module, *machine);
    for (func::FuncOp entry : llvm::to_vector(module.getOps<func::FuncOp>()))
      if (!entry.isPrivate() && failed(expander.expand(entry)))
        return signalPassFailure();
    expander.finish();
  }
};

} // namespace
