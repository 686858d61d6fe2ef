//===- KernelOp.cpp - What the kernels of each family have ----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Templates take from a kernel what its family says, so that is checked here:
// operands are as wide as the configuration says they are read and written.
//
//===----------------------------------------------------------------------===//

#include "dialects/Tok/Bounds.h"
#include "dialects/Tok/Reads.h"
#include "dialects/Tok/TokOps.h"
#include "dialects/Tok/ValueNames.h"

#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace tokopt::tok;

//===----------------------------------------------------------------------===//
// Names and counts
//===----------------------------------------------------------------------===//

namespace {

/// Names in the configuration and numbers of operands, where -1 is one or more.
/// `positive` are integers of at least 1, `natural` of at least 0.
struct Family {
  StringRef name;
  SmallVector<StringRef> positive, natural, floats, names;
  int inputs, outputs;
};

} // namespace

static const Family *findFamily(StringRef name) {
  static const Family families[] = {
      {"embed", {"columns"}, {}, {"scale"}, {}, 1, 1},
      {"angles", {"dims", "head"}, {}, {"base"}, {"pairs"}, 0, 1},
      {"rowwise", {"columns"}, {}, {}, {}, -1, -1},
      {"linear", {"matrices", "inputs", "outputs"}, {}, {}, {"compute"}, -1, 1},
      {"attention",
       {"heads", "context"},
       {"window", "cache"},
       {"scale"},
       {},
       2,
       -1},
      {"sample", {"vocab"}, {}, {}, {}, 3, 1},
  };
  const auto *found =
      llvm::find_if(families, [&](const Family &f) { return f.name == name; });
  return found == std::end(families) ? nullptr : found;
}

static std::optional<int64_t> findInteger(KernelOp op, StringRef name) {
  auto value = op.getConfig().getAs<IntegerAttr>(name);
  return value ? std::optional(value.getInt()) : std::nullopt;
}

static StringRef findName(KernelOp op, StringRef name) {
  auto value = op.getConfig().getAs<StringAttr>(name);
  return value ? value.getValue() : StringRef();
}

static LogicalResult checkConfig(KernelOp op, const Family &family) {
  auto check = [&](ArrayRef<StringRef> names, StringRef what,
                   auto isRight) -> LogicalResult {
    for (StringRef name : names) {
      Attribute value = op.getConfig().get(name);
      if (!value || !isRight(value))
        return op.emitOpError("expects '")
               << name << "' to be " << what << " in the configuration of '"
               << family.name << "'";
    }
    return success();
  };
  auto isAtLeast = [](int64_t least) {
    return [least](Attribute attribute) {
      auto value = dyn_cast<IntegerAttr>(attribute);
      return value && value.getType().isSignlessInteger(64) &&
             value.getInt() >= least;
    };
  };
  // What passes add later; templates take it as it is.
  StringRef planned[] = {"scratch", "row_bytes"};
  auto present = llvm::to_vector(llvm::make_filter_range(
      planned, [&](StringRef name) { return op.getConfig().contains(name); }));
  return failure(
      failed(check(present, "an integer of at least 0", isAtLeast(0))) ||
      failed(check(family.positive, "a positive integer", isAtLeast(1))) ||
      failed(check(family.natural, "an integer of at least 0", isAtLeast(0))) ||
      failed(check(family.floats, "a float",
                   [](Attribute a) { return isa<FloatAttr>(a); })) ||
      failed(check(family.names, "a string",
                   [](Attribute a) { return isa<StringAttr>(a); })));
}

/// Checks that there are `expected` of `what`, or at least one if that is -1.
static LogicalResult checkCount(KernelOp op, StringRef what, int64_t expected,
                                int64_t count) {
  if (expected < 0 ? count > 0 : count == expected)
    return success();
  InFlightDiagnostic error = op.emitOpError("expects ");
  if (expected < 0)
    error << "at least 1 ";
  else
    error << expected << " ";
  return error << what << " of '" << op.getFamily() << "', but got " << count;
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

/// Bytes of a row that a linear reads in i8, as elements of i8: the values and,
/// for each 32 of them, two scales and two sums of 4 bytes.
static int64_t getRoundedColumns(int64_t columns) { return columns / 2 * 3; }

/// Checks that `operand` is `memref<?xN>` of `element` with N at least
/// `columns`, or `memref<?x>` when that is 0.
static LogicalResult checkBuffer(KernelOp op, Value operand, StringRef what,
                                 Type element, int64_t columns) {
  auto type = dyn_cast<MemRefType>(operand.getType());
  int64_t rank = columns ? 2 : 1;
  if (type && type.getRank() == rank && type.isDynamicDim(0) &&
      type.getElementType() == element &&
      (!columns || (!type.isDynamicDim(1) && type.getDimSize(1) >= columns)))
    return success();
  InFlightDiagnostic error = op.emitOpError("expects ") << what << " to be ";
  if (columns)
    error << "memref<?xN x " << element << "> with N of at least " << columns;
  else
    error << "memref<? x " << element << ">";
  return error << ", but got " << operand.getType();
}

/// Checks that `region` has `arguments` values and yields `results`, all f32.
static LogicalResult checkRegion(KernelOp op, Region &region, int64_t arguments,
                                 int64_t results) {
  Block &block = region.front();
  if (static_cast<int64_t>(block.getNumArguments()) != arguments)
    return op.emitOpError("expects a region of ")
           << arguments << " arguments, but it has " << block.getNumArguments();
  auto yield = cast<YieldOp>(block.back());
  if (static_cast<int64_t>(yield.getValues().size()) != results)
    return op.emitOpError("expects a region that yields ")
           << results << " values, but it yields " << yield.getValues().size();
  for (Type type :
       llvm::concat<Type>(llvm::to_vector(block.getArgumentTypes()),
                          llvm::to_vector(yield.getValues().getTypes())))
    if (!type.isF32())
      return op.emitOpError("expects a region on f32, but got ") << type;
  return success();
}

static LogicalResult checkEmbed(KernelOp op) {
  Builder b(op.getContext());
  return failure(
      failed(
          checkBuffer(op, op.getInputs()[0], "the ids", b.getI32Type(), 0)) ||
      failed(checkBuffer(op, op.getOutputs()[0], "the output", b.getF32Type(),
                         *findInteger(op, "columns"))));
}

static LogicalResult checkAngles(KernelOp op) {
  int64_t dims = *findInteger(op, "dims"), head = *findInteger(op, "head");
  if (dims % 2 || dims > head || head > kMaxCount)
    return op.emitOpError("expects an even number of dims of at most the head, "
                          "but got dims = ")
           << dims << " of head = " << head;
  if (!llvm::is_contained({"adjacent", "halves"}, findName(op, "pairs")))
    return op.emitOpError("expects pairs = adjacent or halves, but got ")
           << findName(op, "pairs");
  return checkBuffer(op, op.getOutputs()[0], "the output",
                     Builder(op.getContext()).getF32Type(), 2 * head);
}

static LogicalResult checkCacheOutput(KernelOp op, CacheType cache) {
  std::optional<int64_t> number = findInteger(op, "cache");
  StringRef side = findName(op, "side");
  if (!number || *number < 0 || (side != "k" && side != "v"))
    return op.emitOpError("expects 'cache' and 'side' (k or v) in the "
                          "configuration of what writes a cache");
  int64_t size = side == "k" ? cache.getKSize() : cache.getVSize();
  if (*findInteger(op, "columns") != cache.getHeads() * size)
    return op.emitOpError("expects the columns of ")
           << cache.getHeads() << " heads of " << size << ", but got "
           << *findInteger(op, "columns");
  return success();
}

/// Groups are rows of their own, so nothing but f32 of whole groups is written.
static LogicalResult checkGroup(KernelOp op, int64_t columns) {
  int64_t group = findInteger(op, "group").value_or(0);
  if (group <= 0 || group % 16 || columns % group)
    return op.emitOpError("expects 'group' to be a multiple of 16 that divides "
                          "the ")
           << columns << " columns, but got " << op.getConfig().get("group");
  if (op.getConfig().contains("angles") ||
      llvm::any_of(op.getOutputs().getTypes(), [](Type type) {
        auto memref = dyn_cast<MemRefType>(type);
        return !memref || !memref.getElementType().isF32();
      }))
    return op.emitOpError("expects a kernel of groups to write f32 and to read "
                          "no angles");
  return success();
}

static LogicalResult checkRowwise(KernelOp op) {
  Builder b(op.getContext());
  Type f32 = b.getF32Type();
  int64_t columns = *findInteger(op, "columns");
  bool gather = op.getConfig().contains("gather");
  int64_t values = op.getInputs().size() - gather;
  if (failed(checkCount(op, "inputs of values", -1, values)))
    return failure();
  if (gather && failed(checkBuffer(op, op.getInputs().back(),
                                   "the rows to gather", b.getI32Type(), 0)))
    return failure();

  int64_t arguments = values;
  if (op.getWeights())
    arguments += op.getWeights()->size();
  int64_t angles = -1;
  if (op.getConfig().contains("angles")) {
    angles = findInteger(op, "angles").value_or(-1);
    int64_t head = findInteger(op, "head").value_or(0);
    if (angles < 0 || angles >= values || head <= 0 || head > kMaxCount ||
        columns % head)
      return op.emitOpError("expects 'angles' to be the number of an input and "
                            "'head' to divide the columns");
    ++arguments;
    if (failed(checkBuffer(op, op.getInputs()[angles], "the angles", f32,
                           2 * head)))
      return failure();
  }
  if (op.getConfig().contains("group") && failed(checkGroup(op, columns)))
    return failure();
  if (Attribute head = op.getConfig().get("head");
      head && findInteger(op, "head").value_or(0) <= 0)
    return op.emitOpError("expects 'head' to be a positive integer, but got ")
           << head;
  // Values are f32, or f16 or bf16 where a target's template takes it.
  auto valueType = [&](Value operand) -> Type {
    auto memref = dyn_cast<MemRefType>(operand.getType());
    bool isHalf = memref && (memref.getElementType().isF16() ||
                             memref.getElementType().isBF16());
    return isHalf ? memref.getElementType() : f32;
  };
  for (int64_t i = 0; i < values; ++i) {
    Value input = op.getInputs()[i];
    if (i != angles &&
        failed(checkBuffer(op, input, "an input", valueType(input), columns)))
      return failure();
  }
  for (Value output : op.getOutputs()) {
    // Rows are written in any order.
    if (gather && llvm::is_contained(op.getInputs(), output))
      return op.emitOpError(
          "expects inputs that are gathered to be no outputs: "
          "rows would be written before they are read");
    if (auto cache = dyn_cast<CacheType>(output.getType())) {
      if (failed(checkCacheOutput(op, cache)))
        return failure();
      continue;
    }
    auto type = dyn_cast<MemRefType>(output.getType());
    bool isRounded = type && type.getElementType().isInteger(8);
    if (failed(checkBuffer(op, output, "an output",
                           isRounded ? Type(b.getI8Type()) : valueType(output),
                           isRounded ? getRoundedColumns(columns) : columns)))
      return failure();
  }
  // The template asks for a prologue; the passes before it do not read one.
  if (op.getPrologue().empty())
    return success();
  return checkRegion(op, op.getPrologue(), arguments, op.getOutputs().size());
}

static LogicalResult checkLinear(KernelOp op) {
  Builder b(op.getContext());
  Type f32 = b.getF32Type();
  int64_t matrices = *findInteger(op, "matrices"),
          inputs = *findInteger(op, "inputs"),
          outputs = *findInteger(op, "outputs");
  int64_t weights = op.getWeights() ? op.getWeights()->size() : 0;
  if (weights != matrices && weights / 2 != matrices)
    return op.emitOpError("expects a weight for each of ")
           << matrices << " matrices, or two with biases, but got " << weights;
  if (weights % matrices)
    return op.emitOpError("expects as many biases as matrices (")
           << matrices << ") or none, but got " << weights - matrices;
  StringRef compute = findName(op, "compute");
  // What a row is rounded to before it is multiplied, by whoever writes it.
  Type element = llvm::StringSwitch<Type>(compute)
                     .Case("f32", f32)
                     .Case("i8", b.getI8Type())
                     .Case("f16", b.getF16Type())
                     .Case("bf16", b.getBF16Type())
                     .Default(Type());
  if (!element)
    return op.emitOpError("expects compute = f32, i8, f16 or bf16, but got ")
           << compute;
  bool rounded = compute == "i8";
  if (rounded && inputs % 32)
    return op.emitOpError("expects a multiple of 32 inputs to compute in i8, "
                          "but got ")
           << inputs;
  if (failed(checkBuffer(op, op.getInputs()[0], "the input", element,
                         rounded ? getRoundedColumns(inputs) : inputs)) ||
      failed(checkBuffer(op, op.getOutputs()[0], "the output", f32, outputs)))
    return failure();
  for (Value extra : op.getInputs().drop_front())
    if (failed(
            checkBuffer(op, extra, "an input of the epilogue", f32, outputs)))
      return failure();
  if (op.getEpilogue().empty())
    return success();
  return checkRegion(op, op.getEpilogue(), weights + op.getInputs().size() - 1,
                     1);
}

static LogicalResult checkAttention(KernelOp op) {
  Type f32 = Builder(op.getContext()).getF32Type();
  auto cache = dyn_cast<CacheType>(op.getInputs()[1].getType());
  if (!cache)
    return op.emitOpError("expects the second input of 'attention' to be a "
                          "cache, but got ")
           << op.getInputs()[1].getType();
  int64_t heads = *findInteger(op, "heads");
  if (heads % cache.getHeads() || heads > kMaxCount)
    return op.emitOpError("expects a multiple of the cache's ")
           << cache.getHeads() << " heads, but got " << heads;
  if (Attribute full = op.getConfig().get("full"); full && !isa<UnitAttr>(full))
    return op.emitOpError("expects 'full' to be a unit attribute in the "
                          "configuration of 'attention', but got ")
           << full;
  if (Attribute compute = op.getConfig().get("compute");
      compute &&
      !llvm::is_contained({"f32", "f16", "bf16"}, findName(op, "compute")))
    return op.emitOpError("expects 'compute' to be \"f32\", \"f16\" or "
                          "\"bf16\" in the configuration of 'attention', but "
                          "got ")
           << compute;
  if (op.getOutputs().size() > 2)
    return op.emitOpError("expects 1 or 2 outputs of 'attention', but got ")
           << op.getOutputs().size();
  if (failed(checkBuffer(op, op.getInputs()[0], "the query", f32,
                         heads * cache.getKSize())) ||
      failed(checkBuffer(op, op.getOutputs()[0], "the output", f32,
                         heads * cache.getVSize())))
    return failure();
  if (op.getOutputs().size() == 1)
    return success();
  return checkBuffer(op, op.getOutputs()[1], "lse", f32, heads);
}

static LogicalResult checkSample(KernelOp op) {
  Builder b(op.getContext());
  return failure(
      failed(checkBuffer(op, op.getInputs()[0], "the logits", b.getF32Type(),
                         *findInteger(op, "vocab"))) ||
      failed(checkBuffer(op, op.getInputs()[1], "the parameters",
                         b.getF32Type(), 4)) ||
      failed(
          checkBuffer(op, op.getInputs()[2], "the seeds", b.getI64Type(), 2)) ||
      failed(checkBuffer(op, op.getOutputs()[0], "the tokens", b.getI32Type(),
                         0)));
}

/// Checks that there is a name for each output, if there are any.
static LogicalResult checkNames(KernelOp op) {
  if (!op.getNames())
    return success();
  if (op.getNames()->size() != op.getOutputs().size())
    return op.emitOpError("expects a name for each of ")
           << op.getOutputs().size() << " outputs, but got "
           << op.getNames()->size();
  for (auto name : op.getNames()->getAsRange<StringAttr>())
    if (!name.getValue().empty() && !isValueName(name))
      return op.emitOpError("expects names of letters, digits, '.', '-' and "
                            "'_', but got ")
             << name;
  return success();
}

LogicalResult KernelOp::verify() {
  StringRef name = getFamily();
  const Family *family = findFamily(name);
  if (!family)
    return emitOpError("has an unknown family '") << name << "'";
  int64_t weights = getWeights() ? getWeights()->size() : 0;
  if (failed(checkConfig(*this, *family)) ||
      failed(checkCount(*this, "inputs", family->inputs, getInputs().size())) ||
      failed(
          checkCount(*this, "outputs", family->outputs, getOutputs().size())))
    return failure();
  auto isCache = [](Type type) { return isa<CacheType>(type); };
  if (!getLayer() && (llvm::any_of(getInputs().getTypes(), isCache) ||
                      llvm::any_of(getOutputs().getTypes(), isCache)))
    return emitOpError("expects a layer for its cache");
  for (Region *region : {&getPrologue(), &getEpilogue()}) {
    if (region->empty())
      continue;
    // An empty block is refused only after its parent, so there may be no last
    // op.
    if (!region->hasOneBlock() || region->front().empty() ||
        !isa<YieldOp>(region->front().back()))
      return emitOpError("expects regions of one block that ends in tok.yield");
  }
  if (failed(checkNames(*this)))
    return failure();
  if (name == "rowwise")
    return checkRowwise(*this);
  if (name == "linear")
    return checkLinear(*this);
  if (failed(checkCount(*this, "weights", name == "embed" ? 1 : 0, weights)))
    return failure();
  if (name == "embed")
    return checkEmbed(*this);
  if (name == "angles")
    return checkAngles(*this);
  return name == "attention" ? checkAttention(*this) : checkSample(*this);
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// Checks the shape of weight number `index`: what the template reads of it.
/// A size of kDynamic is any.
static LogicalResult checkWeight(KernelOp op, FlatSymbolRefAttr symbol,
                                 WeightOp weight, ArrayRef<int64_t> shape) {
  RankedTensorType type = weight.getTensorType();
  bool holds = type.getRank() == static_cast<int64_t>(shape.size());
  for (size_t i = 0; holds && i < shape.size(); ++i)
    holds = ShapedType::isDynamic(shape[i]) || type.getDimSize(i) == shape[i];
  if (holds && (shape.size() > 1 || type.getElementType().isF32()))
    return success();
  InFlightDiagnostic error = op.emitOpError("expects ") << symbol << " to be ";
  error << (shape.size() > 1 ? "a matrix of " : "an f32 vector of ");
  llvm::interleave(
      shape, error,
      [&](int64_t size) {
        if (ShapedType::isDynamic(size))
          error << "?";
        else
          error << size;
      },
      " x ");
  return error << ", but it is " << type;
}

LogicalResult KernelOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (!getWeights())
    return success();
  StringRef family = getFamily();
  for (auto [index, symbol] :
       llvm::enumerate(getWeights()->getAsRange<FlatSymbolRefAttr>())) {
    auto weight = symbols.lookupNearestSymbolFrom<WeightOp>(*this, symbol);
    if (!weight)
      return emitOpError("expects ") << symbol << " to be a tok.weight";
    if (weight.getLayers() && !getLayer())
      return emitOpError("expects a layer for the family ") << symbol;
    SmallVector<int64_t> shape;
    if (family == "embed")
      shape = {ShapedType::kDynamic, *findInteger(*this, "columns")};
    else if (family == "rowwise")
      shape = {
          findInteger(*this, "group").value_or(*findInteger(*this, "columns"))};
    else if (static_cast<int64_t>(index) < *findInteger(*this, "matrices"))
      shape = {*findInteger(*this, "outputs"), *findInteger(*this, "inputs")};
    else
      shape = {*findInteger(*this, "outputs")};
    if (failed(checkWeight(*this, symbol, weight, shape)) ||
        (family == "embed" && failed(verifyVocabulary(*this, weight))))
      return failure();
  }
  return success();
}
