//===- Rowwise.cpp - Kernels generated from a region of one row -----------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A block takes a row. A thread holds the elements of its chunks in registers:
// chunk number i of thread t are the elements from (t + i threads) * width. It
// evaluates the region once for each `tok.reduce_row`, with what the sums
// before have given, and once more for what it stores; the compiler merges what
// these have in common.
//
// A row's sum: elements of a thread lane by lane over its chunks in ascending
// order, then lanes halved pairwise, then the block's order (Vocabulary.h). All
// of it follows from the number of columns and the types, so a row's bits do
// not depend on its company.
//
// Where the output is a cache, the row goes to its slot (CacheRow.h). A chunk
// is of one head then, as it is where there are angles.
//
// config: columns; gather (unit): the last input holds the row each row reads;
//         angles: the input that holds angles, of a head; cache, side
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Common/Config.h"
#include "lib/Kernels/Common/Regions.h"
#include "lib/Kernels/Cuda/Arguments.h"
#include "lib/Kernels/Cuda/CacheRow.h"
#include "lib/Kernels/Cuda/Functions.h"
#include "lib/Kernels/Cuda/Templates.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cuda;
using namespace tokopt::kernels;

namespace {

using cuda::Emitter;

/// How the elements of a row are dealt out.
struct Shape {
  /// Elements of a chunk, columns of the row, and columns up to the end of the
  /// longest row of an output, with what fills it.
  int64_t width, columns, stored;
  int64_t threads, chunksPerThread;
  bool gather;
  /// The input that holds angles, or -1, and the head they are of.
  int64_t angles, head;

  /// Whether the chunks number `i` of all threads begin before column `end`.
  bool allBefore(int64_t i, int64_t end) const {
    return (i + 1) * threads * width <=
           static_cast<int64_t>(llvm::alignTo(end, width));
  }
};

/// Elements a thread may hold of each input: four of them still fit the
/// registers.
constexpr int64_t kElementsPerThread = 32;
constexpr int64_t kMaxThreads = 1024;
/// From here on, more elements a thread rather than more threads.
constexpr int64_t kGoodThreads = 256;

/// Columns of a row of `type` with what fills it.
int64_t filledColumns(MemRefType type) {
  return rowBytes(type) * 8 / type.getElementTypeBitWidth();
}

/// Whether chunks hold partners together, or lie as their partners do.
LogicalResult checkPartner(tok::PartnerOp op, int64_t width) {
  if (op.getHead() % width)
    return op.emitOpError("expects a head of a multiple of ")
           << width << " in a CUDA kernel, but got " << op.getHead();
  if (op.getPairs() == tok::RopePairs::Halves &&
      (op.getDims() % (2 * width) || !isa<BlockArgument>(op.getValue())))
    return op.emitOpError("expects halves of a multiple of ")
           << width << " of the kernel's inputs in a CUDA kernel, but got "
           << op.getDims() / 2;
  return success();
}

/// What keeps the kernel from being generated, as an error at `op`.
FailureOr<Shape> shapeOf(tok::KernelOp op) {
  Shape shape = {};
  shape.columns = configInt(op, "columns");
  shape.gather = op.getConfig().contains("gather");
  shape.width = 4;
  shape.angles = -1;
  if (op.getConfig().contains("angles")) {
    shape.angles = configInt(op, "angles");
    shape.head = configInt(op, "head");
  }
  auto check = [&](Type type, StringRef what) -> LogicalResult {
    auto memref = dyn_cast<MemRefType>(type);
    if (!memref || memref.getRank() != 2 ||
        memref.getDimSize(1) != shape.columns ||
        !(memref.getElementType().isF32() || memref.getElementType().isF16()))
      return op.emitOpError("expects ")
             << what << "s of a CUDA rowwise kernel to be memref<?x"
             << shape.columns << "> of f32 or f16, but got " << type;
    if (memref.getElementType().isF16())
      shape.width = 8;
    return success();
  };
  if (shape.columns < 1)
    return op.emitOpError("expects at least one column, but got ")
           << shape.columns;
  for (auto [number, input] :
       llvm::enumerate(op.getInputs().drop_back(shape.gather)))
    if (static_cast<int64_t>(number) != shape.angles &&
        failed(check(input.getType(), "input")))
      return failure();
  for (Type type : op.getOutputs().getTypes()) {
    if (isa<tok::CacheType>(type)) {
      CacheRow row(op, type);
      shape.width = std::max(shape.width, row.width());
      shape.stored = std::max(shape.stored, shape.columns);
      continue;
    }
    if (failed(check(type, "output")))
      return failure();
    shape.stored =
        std::max(shape.stored, filledColumns(cast<MemRefType>(type)));
  }
  if (op.getPrologue().empty())
    return op.emitOpError("expects a prologue");
  if (op.getConfig().contains("group"))
    return op.emitOpError("sums groups, which has no CUDA template");
  for (Type type : op.getOutputs().getTypes())
    if (isa<tok::CacheType>(type) &&
        failed(CacheRow(op, type).check(op, shape.width)))
      return failure();
  if (shape.angles >= 0 && shape.head % shape.width)
    return op.emitOpError("expects angles of a head of a multiple of ")
           << shape.width << ", but got " << shape.head;
  if (op.getPrologue()
          .walk([&](tok::PartnerOp partner) -> WalkResult {
            return checkPartner(partner, shape.width);
          })
          .wasInterrupted())
    return failure();

  int64_t chunks = llvm::divideCeil(shape.stored, shape.width);
  int64_t most = kElementsPerThread / shape.width;
  int64_t threads = std::max(std::min(chunks, kGoodThreads),
                             llvm::divideCeilSigned(chunks, most));
  shape.threads = llvm::alignTo(threads, kWarp);
  if (shape.threads > kMaxThreads)
    return op.emitOpError("has rows of ")
           << shape.columns << " columns, more than the "
           << kMaxThreads * kElementsPerThread << " that a block can hold";
  shape.chunksPerThread = llvm::divideCeil(chunks, shape.threads);
  return shape;
}

/// Emits one rowwise kernel.
struct RowwiseEmitter {
  Emitter &e;
  tok::KernelOp op;
  const Shape &shape;
  Arguments arguments;
  /// Addresses of the row in the inputs and outputs, the elements of chunk i of
  /// input j as f32, and the sums that have been found.
  Vals inputRows, outputRows;
  /// The row in each output that is a cache.
  SmallVector<std::unique_ptr<CacheRow>> cacheRows;
  SmallVector<Vals> elements;
  Vals sums;

  RowwiseEmitter(Emitter &e, tok::KernelOp op, const Shape &shape, Block &entry)
      : e(e), op(op), shape(shape), arguments(e, op, entry) {}

  VectorType vector(Type element) {
    return VectorType::get({shape.width}, element);
  }
  VectorType floats() { return vector(e.f32()); }

  Val firstColumn(int64_t chunk) {
    return (e.thread() + chunk * shape.threads) * shape.width;
  }

  /// Runs `body` in the threads whose chunk begins before column `end`.
  void whenBefore(int64_t chunk, int64_t end, function_ref<void()> body) {
    if (shape.allBefore(chunk, end))
      return body();
    e.when(e.less(firstColumn(chunk), e.i32(end)), body);
  }

  Val byteOffset(Val column, Type element) {
    return e.convert(column, e.i64(), /*isUnsigned=*/true) *
           (element.getIntOrFloatBitWidth() / 8);
  }

  Val loadElementsAt(Val row, Type element, Val column) {
    Val at = e.offset(row, byteOffset(column, element));
    return e.convert(e.loadChunks(vector(element), at), e.f32());
  }

  Val loadElements(Val row, Type element, int64_t chunk) {
    return loadElementsAt(row, element, firstColumn(chunk));
  }

  Type elementOf(Value operand) {
    return cast<MemRefType>(operand.getType()).getElementType();
  }

  /// Cosines and signed sines of the chunk's columns.
  Vals loadAngles(Val row, int64_t chunk) {
    Val column = e.remainder(firstColumn(chunk), e.i32(shape.head));
    Val at = e.offset(row, e.convert(column, e.i64(), /*isUnsigned=*/true) * 4);
    return {e.loadChunks(floats(), at),
            e.loadChunks(floats(), e.offset(at, 4 * shape.head))};
  }

  /// Zeros stand for chunks beyond the row.
  void loadRow() {
    // Angles are two arguments of the region.
    size_t count = inputRows.size() + (shape.angles >= 0);
    for (int64_t chunk = 0; chunk < shape.chunksPerThread; ++chunk) {
      auto load = [&] {
        Vals values;
        for (auto [number, row] : llvm::enumerate(inputRows))
          if (static_cast<int64_t>(number) == shape.angles)
            values.append(loadAngles(row, chunk));
          else
            values.push_back(
                loadElements(row, elementOf(op.getInputs()[number]), chunk));
        return values;
      };
      if (shape.allBefore(chunk, shape.columns)) {
        elements.push_back(load());
        continue;
      }
      SmallVector<Type> types(count, floats());
      elements.push_back(
          e.choose(e.less(firstColumn(chunk), e.i32(shape.columns)), types,
                   load, [&] { return Vals(count, e.zero(floats())); }));
    }
  }

  /// `value` where a column is of the row, zero where it fills the last chunk
  /// or lies beyond.
  Val maskColumns(Val value, int64_t chunk) {
    if (shape.columns % shape.width == 0 &&
        shape.allBefore(chunk, shape.columns))
      return value;
    auto ascending = llvm::to_vector(llvm::seq<int64_t>(0, shape.width));
    Val column = e.splat(firstColumn(chunk), shape.width) +
                 e.constantVector(ascending, e.i32());
    Val inRow = e.less(column, e.constant(shape.columns, column.type()));
    return e.select(inRow, value, e.zero(floats()));
  }

  /// The elements that rotate with those of a chunk; beyond `dims` the elements
  /// themselves, whose sines are zero.
  Val partner(tok::PartnerOp partner, Val value, int64_t chunk) {
    if (partner.getPairs() == tok::RopePairs::Adjacent) {
      SmallVector<int64_t> swapped;
      for (int64_t i = 0; i < shape.width; ++i)
        swapped.push_back(i ^ 1);
      return e.shuffle(value, value, swapped);
    }
    // Angles come last, so the number of an argument is that of the input.
    unsigned input = cast<BlockArgument>(partner.getValue()).getArgNumber();
    int64_t half = partner.getDims() / 2;
    Val column = firstColumn(chunk);
    Val d = e.remainder(column, e.i32(partner.getHead()));
    Val rotated =
        e.select(e.less(d, e.i32(half)), column + half, column - half);
    Val other = e.select(e.less(d, e.i32(partner.getDims())), rotated, column);
    return loadElementsAt(inputRows[input], elementOf(op.getInputs()[input]),
                          other);
  }

  /// The region on a chunk. `reduce` takes the operand of the sum that this
  /// pass is about.
  FailureOr<Vals> evaluate(int64_t chunk, function_ref<void(Val)> reduce = {}) {
    Vals inputs = elements[chunk];
    for (Val weight : arguments.weights)
      inputs.push_back(loadElements(weight, e.f32(), chunk));
    size_t count = 0;
    return cloneRegion(e, op.getPrologue(), inputs, shape.width,
                       [&](Operation *structured, Val value) {
                         if (auto other = dyn_cast<tok::PartnerOp>(structured))
                           return partner(other, value, chunk);
                         size_t number = count++;
                         if (number < sums.size())
                           return e.splat(sums[number], shape.width);
                         if (number == sums.size() && reduce)
                           reduce(value);
                         // What depends on a later sum is dead in this pass.
                         return e.zero(floats());
                       });
  }

  LogicalResult emitSum() {
    Val total = e.zero(floats());
    LogicalResult result = success();
    for (int64_t chunk = 0; chunk < shape.chunksPerThread; ++chunk) {
      // Weights end with the row, so threads beyond it must not load them.
      auto add = [&] {
        Val sum = total;
        if (failed(evaluate(chunk, [&](Val value) {
              sum = total + maskColumns(value, chunk);
            })))
          result = failure();
        return Vals{sum};
      };
      if (shape.allBefore(chunk, shape.columns))
        total = add()[0];
      else
        total = e.choose(e.less(firstColumn(chunk), e.i32(shape.columns)),
                         {floats()}, add, [&] { return Vals{total}; })[0];
    }
    sums.push_back(e.sumBlock(e.sumLanes(total)));
    return result;
  }

  void storeElements(size_t output, Val value, int64_t chunk) {
    if (cacheRows[output]) {
      cacheRows[output]->store(value, firstColumn(chunk), shape.columns);
      return;
    }
    Type element = elementOf(op.getOutputs()[output]);
    auto type = cast<MemRefType>(op.getOutputs()[output].getType());
    whenBefore(chunk, filledColumns(type), [&] {
      Val at =
          e.offset(outputRows[output], byteOffset(firstColumn(chunk), element));
      e.storeChunks(e.convert(value, element), at);
    });
  }

  LogicalResult storeRow() {
    LogicalResult result = success();
    size_t count = op.getOutputs().size();
    SmallVector<Type> types(count, floats());
    for (int64_t chunk = 0; chunk < shape.chunksPerThread; ++chunk) {
      auto values = [&] {
        FailureOr<Vals> values = evaluate(chunk);
        if (succeeded(values))
          return *values;
        result = failure();
        return Vals(count, e.zero(floats()));
      };
      Vals stored =
          shape.allBefore(chunk, shape.columns)
              ? values()
              : e.choose(e.less(firstColumn(chunk), e.i32(shape.columns)),
                         types, values,
                         [&] { return Vals(count, e.zero(floats())); });
      if (failed(result))
        return failure();
      for (auto [output, value] : llvm::enumerate(stored))
        storeElements(output, maskColumns(value, chunk), chunk);
    }
    return success();
  }

  LogicalResult emitRow(Val row) {
    Val source = row;
    if (shape.gather) {
      Val at = e.offset(arguments.inputs.back(), row * 4);
      source = e.convert(e.load(e.i32(), at), e.i64());
    }
    for (auto [number, pointer] :
         llvm::enumerate(ArrayRef(arguments.inputs).drop_back(shape.gather))) {
      Val from = static_cast<int64_t>(number) == shape.angles ? row : source;
      inputRows.push_back(
          e.offset(pointer, from * rowBytes(op.getInputs()[number].getType())));
    }
    for (auto [pointer, output] :
         llvm::zip(arguments.outputs, op.getOutputs())) {
      auto &cacheRow = cacheRows.emplace_back();
      if (isa<tok::CacheType>(output.getType())) {
        cacheRow = std::make_unique<CacheRow>(op, output.getType());
        cacheRow->place(e, arguments, row);
        outputRows.emplace_back();
      } else {
        outputRows.push_back(
            e.offset(pointer, row * rowBytes(output.getType())));
      }
    }
    loadRow();
    int64_t reductions = 0;
    op.getPrologue().walk([&](tok::ReduceRowOp) { ++reductions; });
    for (int64_t i = 0; i < reductions; ++i)
      if (failed(emitSum()))
        return failure();
    return storeRow();
  }

  /// A grid may have more blocks than there are rows.
  LogicalResult emit() {
    Val number = e.convert(e.block(), e.i64(), /*isUnsigned=*/true);
    Val row = arguments.rowBegin + number;
    LogicalResult result = success();
    e.when(e.less(row, arguments.rowEnd), [&] { result = emitRow(row); });
    e.finish({});
    return result;
  }
};

struct RowwiseTemplate : KernelTemplate {
  StringRef getFamily() const override { return "rowwise"; }
  std::optional<ArrayRef<StringLiteral>> getKeys() const override {
    static constexpr StringLiteral kKeys[] = {
        "columns", "group", "gather", "angles", "head", "cache", "side"};
    return kKeys;
  }

  FailureOr<KernelChoice> choose(tok::KernelOp op,
                                 const TargetDescription &) const override {
    return KernelChoice{op.getConfig(), "a block a row", "none",
                        "the order of a row's sum is fixed"};
  }

  LogicalResult emit(tok::KernelOp op, func::FuncOp function,
                     const TargetDescription &target) const override {
    FailureOr<Shape> shape = shapeOf(op);
    if (failed(shape) || failed(checkFunctions(op.getPrologue())))
      return failure();
    Emitter e(function, target, shape->threads);
    return RowwiseEmitter(e, op, *shape, function.getBody().front()).emit();
  }
};

} // namespace

const KernelTemplate &cuda::rowwiseTemplate() {
  static const RowwiseTemplate instance;
  return instance;
}
