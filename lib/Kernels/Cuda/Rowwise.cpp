//===- Rowwise.cpp - Kernels generated from a region of one row -----------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A block takes a row, or some lanes of a warp a group of one (RowwiseShape.h).
// A lane evaluates the region on its chunks once for each `tok.reduce_row`,
// with what the sums before have given, and once more for what it stores; the
// compiler merges what these have in common. Where nothing is summed, it takes
// some chunks after the others.
//
// A row's sum: elements of a lane side by side over its chunks in ascending
// order, then halved pairwise, then the block's or the warp's order
// (Vocabulary.h). All of it follows from the number of columns and the types,
// so a row's bits do not depend on its company.
//
// Where the output is a cache, the row goes to its slot (CacheRow.h). A chunk
// is of one head then, as it is where there are angles. Where it is i8, it is
// rounded in blocks (Rounding.h).
//
// config: columns; group: columns of one sum, for norms of single heads;
//         gather (unit): the last input holds the row each row reads;
//         angles: the input that holds angles, of a head; cache, side
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Common/Config.h"
#include "lib/Kernels/Common/Regions.h"
#include "lib/Kernels/Cuda/Arguments.h"
#include "lib/Kernels/Cuda/CacheRow.h"
#include "lib/Kernels/Cuda/Functions.h"
#include "lib/Kernels/Cuda/Rounding.h"
#include "lib/Kernels/Cuda/RowwiseShape.h"
#include "lib/Kernels/Cuda/Templates.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cuda;
using namespace tokopt::kernels;

namespace {

using cuda::Emitter;

/// Emits one rowwise kernel.
struct RowwiseEmitter {
  Emitter &e;
  tok::KernelOp op;
  const RowwiseShape &shape;
  Arguments arguments;
  /// The lane's first chunk, the group that it takes with its neighbours, and
  /// whether there is one; nothing where they are the block.
  Val firstChunk, group, isGroup;
  /// Addresses of the group in the inputs and outputs, the elements of chunk i
  /// of input j as f32, and the sums that have been found.
  Vals inputRows, outputRows;
  /// The row in each output that is a cache.
  SmallVector<std::unique_ptr<CacheRow>> cacheRows;
  SmallVector<Vals> elements;
  Vals sums;

  RowwiseEmitter(Emitter &e, tok::KernelOp op, const RowwiseShape &shape,
                 Block &entry)
      : e(e), op(op), shape(shape), arguments(e, op, entry) {}

  VectorType vector(Type element) {
    return VectorType::get({shape.width}, element);
  }
  VectorType floats() { return vector(e.f32()); }

  /// Lanes beyond the last group compute it once more, and store nothing.
  void placeThread() {
    firstChunk = e.thread();
    if (shape.span > 1)
      firstChunk = e.warp() * (kWarp * shape.span) + e.lane();
    if (shape.groups == 1)
      return;
    Val lanes = e.i32(shape.lanes);
    firstChunk = e.remainder(e.thread(), lanes);
    Val number = e.divide(e.thread(), lanes);
    if (shape.parts() > 1)
      number = e.block(Axis::Y) * shape.groupsOfBlock() + number;
    group = number;
    if (shape.groups % shape.groupsOfBlock()) {
      isGroup = e.less(number, e.i32(shape.groups));
      group = e.min(number, e.i32(shape.groups - 1));
    }
    group = e.convert(group, e.i64(), /*isUnsigned=*/true);
  }

  /// A column of the group.
  Val firstColumn(int64_t chunk) {
    return (firstChunk + shape.chunkOffset(chunk)) * shape.width;
  }

  /// Runs `body` in the lanes whose chunk begins before column `end`.
  void whenBefore(int64_t chunk, int64_t end, function_ref<void()> body) {
    Val condition = isGroup;
    if (!shape.allBefore(chunk, end)) {
      Val isBefore = e.less(firstColumn(chunk), e.i32(end));
      condition = isGroup.emitter ? e.both(isGroup, isBefore) : isBefore;
    }
    if (!condition.emitter)
      return body();
    e.when(condition, body);
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

  /// Loads chunks number `begin` to `end` - 1. Zeros stand for those beyond the
  /// row.
  void loadInputs(int64_t begin, int64_t end) {
    // Angles are two arguments of the region.
    size_t count = inputRows.size() + (shape.angles >= 0);
    for (int64_t chunk = begin; chunk < end; ++chunk) {
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

  /// `value` where a column is of the row, zero where it fills the last chunk.
  /// Only that of one lane ends within, and those beyond are never evaluated.
  Val maskColumns(Val value, int64_t chunk) {
    bool hasEnd = chunk == shape.columns / shape.width / shape.lanes;
    if (shape.columns % shape.width == 0 || !hasEnd)
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
    for (int64_t chunk = 0; chunk < shape.chunksPerLane; ++chunk) {
      // Weights end with the group, so lanes beyond it must not load them.
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
    Val sum = e.sumLanes(total);
    sums.push_back(shape.groups == 1 ? e.sumBlock(sum)
                                     : e.scatterSum(sum, shape.lanes));
    return result;
  }

  /// Stores to a cache the chunks from number `chunk` on that lie side by side.
  void storeToCache(CacheRow &row, ArrayRef<Val> values, int64_t chunk) {
    int64_t span = row.span(shape.width);
    for (int64_t i = 0; i < shape.span; i += span) {
      Vals columns;
      for (int64_t j = 0; j < span; ++j)
        columns.push_back(firstColumn(chunk + i + j));
      row.store(values.slice(i, span), columns, shape.columns);
    }
  }

  void storeElements(size_t output, Val value, int64_t chunk) {
    Type element = elementOf(op.getOutputs()[output]);
    if (element.isInteger(8)) {
      RoundedRow(shape.columns)
          .store(e, value, firstColumn(chunk), outputRows[output]);
      return;
    }
    auto type = cast<MemRefType>(op.getOutputs()[output].getType());
    int64_t end = shape.groups == 1 ? filledColumns(type) : shape.columns;
    whenBefore(chunk, end, [&] {
      Val at =
          e.offset(outputRows[output], byteOffset(firstColumn(chunk), element));
      e.storeChunks(element.isF32() ? value : roundToHalves(e, value, element),
                    at);
    });
  }

  /// What the region yields of a chunk; zeros beyond the row.
  FailureOr<Vals> results(int64_t chunk) {
    Vals zeros(op.getOutputs().size(), e.zero(floats()));
    LogicalResult result = success();
    auto values = [&] {
      FailureOr<Vals> values = evaluate(chunk);
      if (succeeded(values))
        return *values;
      result = failure();
      return zeros;
    };
    Vals found =
        shape.allBefore(chunk, shape.columns)
            ? values()
            : e.choose(e.less(firstColumn(chunk), e.i32(shape.columns)),
                       SmallVector<Type>(zeros.size(), floats()), values,
                       [&] { return zeros; });
    if (failed(result))
      return failure();
    for (Val &value : found)
      value = maskColumns(value, chunk);
    return found;
  }

  /// Stores chunks number `begin` to `end` - 1, whole spans of them.
  LogicalResult storeOutputs(int64_t begin, int64_t end) {
    for (int64_t first = begin; first < end; first += shape.span) {
      SmallVector<Vals> chunks;
      for (int64_t i = 0; i < shape.span; ++i) {
        FailureOr<Vals> found = results(first + i);
        if (failed(found))
          return failure();
        chunks.push_back(*found);
      }
      for (auto [output, row] : llvm::enumerate(cacheRows)) {
        Vals values;
        for (const Vals &chunk : chunks)
          values.push_back(chunk[output]);
        if (row)
          storeToCache(*row, values, first);
        else
          for (auto [i, value] : llvm::enumerate(values))
            storeElements(output, value, first + i);
      }
    }
    return success();
  }

  /// Where the lane's group of `row` begins.
  Val rowOf(Val pointer, Val row, Type type) {
    Val at = e.offset(pointer, row * rowBytes(type));
    if (shape.groups == 1)
      return at;
    int64_t bytes = cast<MemRefType>(type).getElementTypeBitWidth() / 8;
    return e.offset(at, group * (shape.columns * bytes));
  }

  LogicalResult emitRow(Val row) {
    placeThread();
    Val source = row;
    if (shape.gather) {
      Val at = e.offset(arguments.inputs.back(), row * 4);
      source = e.convert(e.load(e.i32(), at), e.i64());
    }
    for (auto [number, pointer] :
         llvm::enumerate(ArrayRef(arguments.inputs).drop_back(shape.gather))) {
      Val from = static_cast<int64_t>(number) == shape.angles ? row : source;
      inputRows.push_back(
          rowOf(pointer, from, op.getInputs()[number].getType()));
    }
    for (auto [pointer, output] :
         llvm::zip(arguments.outputs, op.getOutputs())) {
      auto &cacheRow = cacheRows.emplace_back();
      if (isa<tok::CacheType>(output.getType())) {
        cacheRow = std::make_unique<CacheRow>(op, output.getType());
        cacheRow->place(e, arguments, row);
        outputRows.emplace_back();
      } else {
        outputRows.push_back(rowOf(pointer, row, output.getType()));
      }
    }
    for (int64_t begin = 0; begin < shape.chunksPerLane;
         begin += shape.chunksAtOnce) {
      int64_t end = std::min(begin + shape.chunksAtOnce, shape.chunksPerLane);
      loadInputs(begin, end);
      // A row that is summed is loaded at once.
      for (int64_t i = 0; i < shape.reductions; ++i)
        if (failed(emitSum()))
          return failure();
      if (failed(storeOutputs(begin, end)))
        return failure();
    }
    return success();
  }

  /// A grid may have more blocks than there are rows.
  LogicalResult emit() {
    Val number = e.convert(e.block(), e.i64(), /*isUnsigned=*/true);
    Val row = arguments.rowBegin + number;
    LogicalResult result = success();
    e.when(e.less(row, arguments.rowEnd), [&] { result = emitRow(row); });
    Grid grid;
    grid.parts = shape.parts();
    e.finish(grid);
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
    bool hasGroups = op.getConfig().contains("group") &&
                     configInt(op, "group") != configInt(op, "columns");
    return KernelChoice{op.getConfig(),
                        hasGroups ? "lanes of a warp a group" : "a block a row",
                        "none", "the order of a sum is fixed"};
  }

  LogicalResult emit(tok::KernelOp op, func::FuncOp function,
                     const TargetDescription &target) const override {
    FailureOr<RowwiseShape> shape = RowwiseShape::of(op);
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
