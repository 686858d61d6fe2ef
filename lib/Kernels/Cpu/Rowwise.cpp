//===- Rowwise.cpp - Kernels generated from a region of one row -----------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Workers share the rows, or each computes them all. For each row: one pass
// over the columns for each `tok.reduce_row` of the region, then one that
// stores what the region yields to each output: as f32, rounded to i8 in blocks
// of 32 (what a linear that computes in i8 reads), or into the cache.
//
// Vectors always have 16 lanes, whatever the target, so that the order of a
// row's sum is the same everywhere.
//
// config: columns; group: columns of one sum, for norms of single heads; gather
// (unit): the last input holds the row each row reads;
//         angles: number of the input that holds cosines and sines of a head;
//         head: its size; side (k | v): which side of a cache is written;
//         replicated (unit): every worker computes all rows
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Common/Pages.h"
#include "lib/Kernels/Common/Regions.h"
#include "lib/Kernels/Cpu/Arguments.h"
#include "lib/Kernels/Cpu/Codecs.h"
#include "lib/Kernels/Cpu/Templates.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cpu;
using kernels::PageLayout;
using kernels::SequencePages;

namespace {

constexpr int64_t kLanes = 16;

/// Emits one rowwise kernel.
struct RowwiseEmitter {
  Emitter &e;
  tok::KernelOp op;
  Arguments arguments;
  /// Columns of what is summed, and how often they fill a row.
  int64_t columns, groups = 1, angles = -1, head = 0;
  bool gather;
  /// Lanes of a step over the columns: 1 where partners do not lie on vector
  /// boundaries.
  int64_t lanes = kLanes;
  /// The row's inputs, and the sums that passes so far have found.
  Vals rows;
  Vals sums;

  RowwiseEmitter(Emitter &e, tok::KernelOp op, Block &entry)
      : e(e), op(op), arguments(e, op, entry),
        columns(configInt(op, "columns")),
        gather(op.getConfig().contains("gather")) {
    if (op.getConfig().contains("group")) {
      groups = columns / configInt(op, "group");
      columns = configInt(op, "group");
    }
    if (op.getConfig().contains("angles"))
      angles = configInt(op, "angles");
    if (op.getConfig().contains("head"))
      head = configInt(op, "head");
    if (head % kLanes)
      lanes = 1;
    op.getPrologue().walk([&](tok::PartnerOp partner) {
      bool halves = partner.getPairs() == tok::RopePairs::Halves;
      if (partner.getHead() % kLanes ||
          partner.getDims() % (halves ? 2 * kLanes : kLanes))
        lanes = 1;
    });
  }

  int64_t values() { return op.getInputs().size() - gather; }
  Type vector() { return e.vec(lanes, e.f32()); }

  /// The column that rotates with `column`; beyond `dims` the column itself,
  /// whose sine is zero.
  Val partnerColumn(tok::PartnerOp partner, Val column) {
    int64_t half = partner.getDims() / 2;
    Val d = e.remainder(column, e.i64(partner.getHead()));
    Val other =
        partner.getPairs() == tok::RopePairs::Halves
            ? e.select(e.less(d, e.i64(half)), column + half, column - half)
            : column + (e.i64(1) - e.remainder(d, e.i64(2)) * 2);
    return e.select(e.less(d, e.i64(partner.getDims())), other, column);
  }

  Val partner(tok::PartnerOp partner, Val value, Val column) {
    if (lanes > 1 && partner.getPairs() == tok::RopePairs::Adjacent) {
      SmallVector<int64_t> swapped;
      for (int64_t i = 0; i < lanes; ++i)
        swapped.push_back(i ^ 1);
      return e.shuffle(value, value, swapped);
    }
    // The number of the region's argument is that of the input: angles come
    // last.
    unsigned input = cast<BlockArgument>(partner.getValue()).getArgNumber();
    return e.load(vector(),
                  e.offset(rows[input], partnerColumn(partner, column) * 4));
  }

  /// The region at `column`. `reduce` takes the operand of the sum that this
  /// pass is about.
  FailureOr<Vals> evaluate(Val column, function_ref<void(Val)> reduce = {}) {
    Vals inputs;
    for (int64_t i = 0; i < values(); ++i) {
      if (i != angles) {
        inputs.push_back(e.load(vector(), e.offset(rows[i], column * 4)));
        continue;
      }
      Val at = e.offset(rows[i], e.remainder(column, e.i64(head)) * 4);
      inputs.push_back(e.load(vector(), at));
      inputs.push_back(e.load(vector(), at, 4 * head));
    }
    for (Val weight : arguments.weights)
      inputs.push_back(e.load(vector(), e.offset(weight, column * 4)));
    size_t sum = 0;
    return cloneRegion(
        e, op.getPrologue(), inputs, lanes,
        [&](Operation *structured, Val value) {
          if (auto partnerOp = dyn_cast<tok::PartnerOp>(structured))
            return partner(partnerOp, value, column);
          size_t number = sum++;
          if (number < sums.size())
            return e.splat(sums[number], lanes);
          if (number == sums.size() && reduce)
            reduce(value);
          return e.zero(
              vector()); // what depends on a later sum is dead in this pass
        });
  }

  /// Runs the passes of the row's sums.
  LogicalResult emitSums() {
    int64_t count = 0;
    op.getPrologue().walk([&](tok::ReduceRowOp) { ++count; });
    if (count && lanes == 1)
      return op.emitOpError(
          "cannot sum a row whose heads are not a multiple of 16 wide");
    LogicalResult result = success();
    for (int64_t i = 0; i < count; ++i) {
      int64_t filled = columns % kLanes, whole = columns - filled;
      Val total = e.loop(
          e.i64(0), e.i64(whole), kLanes, {e.zero(vector())},
          [&](Val column, ArrayRef<Val> partial) {
            Val sum = partial[0];
            if (failed(evaluate(column, [&](Val value) { sum = sum + value; })))
              result = failure();
            return Vals{sum};
          })[0];
      // What fills the last vector is no part of the row: an op may have made
      // something of its zeros.
      if (filled && failed(evaluate(e.i64(whole), [&](Val value) {
            SmallVector<int64_t> lanes;
            for (int64_t lane = 0; lane < kLanes; ++lane)
              lanes.push_back(lane < filled ? lane : lane + kLanes);
            total = total + e.shuffle(value, e.zero(vector()), lanes);
          })))
        result = failure();
      sums.push_back(e.sumLanes(total));
    }
    return result;
  }

  //===--- Outputs -------------------------------------------------------===//

  LogicalResult storeDense(size_t output, Val row, Val group) {
    Type type = op.getOutputs()[output].getType();
    Val at = e.offset(arguments.outputs[output],
                      row * rowBytes(type) + group * (4 * columns));
    LogicalResult result = success();
    e.loop(e.i64(0), e.i64(columns), lanes, [&](Val column) {
      FailureOr<Vals> value = evaluate(column);
      if (failed(value))
        result = failure();
      else
        e.store((*value)[output], e.offset(at, column * 4));
    });
    // A step of one column leaves those that fill the row.
    if (lanes == 1)
      for (int64_t c = columns;
           c < static_cast<int64_t>(llvm::alignTo(columns, kLanes)); ++c)
        e.store(e.zero(e.f32()), at, 4 * c);
    return result;
  }

  /// Rounds `value` to integers by the factor `inverse`.
  Val round(Val value, Val inverse) {
    return e.convert(e.roundEven(value * e.splat(inverse, lanes)), e.i32());
  }

  /// 127 / largest, or 0 for a zero block.
  Val inverseScale(Val largest) {
    Val zero = e.zero(e.f32());
    return e.select(e.less(zero, largest),
                    e.divide(e.constant(127.0, e.f32()), largest), zero);
  }

  /// d = max|x| / 127, q = round(x * (127 / max|x|)), in blocks of 32.
  LogicalResult storeQuantized(size_t output, Val row) {
    if (lanes == 1 || columns % 32)
      return op.emitOpError("cannot round rows of ")
             << columns << " columns in blocks of 32";
    QuantizedRow layout(columns);
    Val at = e.offset(arguments.outputs[output],
                      row * rowBytes(op.getOutputs()[output].getType()));
    LogicalResult result = success();
    e.loop(e.i64(0), e.i64(columns), 32, [&](Val column) {
      FailureOr<Vals> first = evaluate(column),
                      second = evaluate(column + kLanes);
      if (failed(first) || failed(second)) {
        result = failure();
        return;
      }
      Val a = (*first)[output], b = (*second)[output];
      Val largest = e.maxLanes(e.max(e.abs(a), e.abs(b)));
      Val scale = e.divide(largest, e.constant(127.0, e.f32()));
      Val inverse = inverseScale(largest);
      Val qa = round(a, inverse), qb = round(b, inverse);
      Val bytes = e.offset(at, column);
      e.store(e.convert(qa, e.i8()), bytes);
      e.store(e.convert(qb, e.i8()), bytes, kLanes);
      Val sumA = e.sumLanes(qa), sumB = e.sumLanes(qb);
      Val perBlock = e.offset(at, e.divide(column, e.i64(8)));
      e.store(scale, perBlock, layout.scales());
      e.store(scale * e.convert(sumA + sumB, e.f32()), perBlock,
              layout.scaledSums());
      Val perHalf = e.offset(at, e.divide(column, e.i64(4)));
      e.store(sumA, perHalf, layout.sums());
      e.store(sumB, perHalf, layout.sums() + 4);
    });
    return result;
  }

  /// Writes the row to its slot of the cache.
  LogicalResult storeCache(size_t output, Val row) {
    auto type = cast<tok::CacheType>(op.getOutputs()[output].getType());
    bool keys = configName(op, "side") == "k";
    PageLayout layout(type);
    int64_t size = keys ? type.getKSize() : type.getVSize();
    Type element = keys ? type.getKType() : type.getVType();
    int64_t bytes = element.getIntOrFloatBitWidth() / 8;
    int64_t step = size % kLanes ? 1 : lanes;
    if (step != lanes)
      return op.emitOpError(
          "expects heads of a multiple of 16 or a region of single columns");

    Val position = column(Slot::Pos, row);
    SequencePages pages(e, layout, arguments.frame, configInt(op, "cache"),
                        column(Slot::Seq, row));
    Val slot = e.remainder(position, e.i64(layout.slots));
    LogicalResult result = success();
    e.loop(e.i64(0), e.i64(type.getHeads()), 1, [&](Val g) {
      Val base = pages.head(position, arguments.layer, g);
      Val firstColumn = g * size;
      auto valueAt = [&](Val d) {
        FailureOr<Vals> values = evaluate(firstColumn + d);
        if (failed(values)) {
          result = failure();
          return e.zero(vector());
        }
        return (*values)[output];
      };
      Val inverse;
      if (element.isInteger(8)) {
        Vals largest =
            e.loop(e.i64(0), e.i64(size), step, {e.zero(vector())},
                   [&](Val d, ArrayRef<Val> carried) {
                     return Vals{e.max(carried[0], e.abs(valueAt(d)))};
                   });
        Val head = lanes == 1 ? largest[0] : e.maxLanes(largest[0]);
        inverse = inverseScale(head);
        Val scales = e.offset(base, slot * 4);
        e.store(e.divide(head, e.constant(127.0, e.f32())), scales,
                keys ? layout.keyScaleOffset : layout.valueScaleOffset);
      }
      e.loop(e.i64(0), e.i64(size), step, [&](Val d) {
        Val value = valueAt(d);
        Val stored = element.isInteger(8)
                         ? e.convert(round(value, inverse), element)
                         : e.convert(value, element);
        if (!keys) {
          e.store(stored, e.offset(base, (slot * size + d) * bytes),
                  layout.valueOffset);
          return;
        }
        // Keys lie transposed, so the lanes go to one slot of consecutive
        // lines.
        Val at = e.offset(base, (d * layout.slots + slot) * bytes);
        for (int64_t i = 0; i < lanes; ++i)
          e.store(lanes == 1 ? stored : e.extract(stored, i), at,
                  i * layout.slots * bytes);
      });
    });
    return result;
  }

  /// An i32 column of the rows, widened.
  Val column(Slot slot, Val row) {
    Val base = e.slot(arguments.frame, slot, e.ptr());
    return e.convert(e.load(e.i32(), e.offset(base, row * 4)), e.i64());
  }

  LogicalResult emitRow(Val row) {
    if (groups == 1)
      return emitGroup(row, e.i64(0));
    LogicalResult result = success();
    e.loop(e.i64(0), e.i64(groups), 1, [&](Val group) {
      if (failed(emitGroup(row, group)))
        result = failure();
    });
    return result;
  }

  /// One group of a row, which is the row itself unless the kernel has groups.
  LogicalResult emitGroup(Val row, Val group) {
    rows.clear();
    sums.clear();
    Val source = row;
    if (gather)
      source = e.convert(
          e.load(e.i32(), e.offset(arguments.inputs.back(), row * 4)), e.i64());
    for (int64_t i = 0; i < values(); ++i) {
      Val from = i == angles ? row : source;
      rows.push_back(e.offset(arguments.inputs[i],
                              from * rowBytes(op.getInputs()[i].getType()) +
                                  group * (4 * columns)));
    }
    if (failed(emitSums()))
      return failure();
    for (size_t output = 0; output < op.getOutputs().size(); ++output) {
      Type type = op.getOutputs()[output].getType();
      auto memref = dyn_cast<MemRefType>(type);
      LogicalResult result = !memref ? storeCache(output, row)
                             : memref.getElementType().isInteger(8)
                                 ? storeQuantized(output, row)
                                 : storeDense(output, row, group);
      if (failed(result))
        return failure();
    }
    return success();
  }

  LogicalResult emit() {
    Val begin = arguments.rowBegin, end = arguments.rowEnd;
    if (!op.getConfig().contains("replicated")) {
      auto [first, last] =
          e.share(arguments.frame, arguments.worker, end - begin);
      begin = arguments.rowBegin + first;
      end = arguments.rowBegin + last;
    }
    LogicalResult result = success();
    e.loop(begin, end, 1, [&](Val row) { result = emitRow(row); });
    e.ret();
    return result;
  }
};

struct RowwiseTemplate : KernelTemplate {
  StringRef getFamily() const override { return "rowwise"; }
  std::optional<ArrayRef<StringLiteral>> getKeys() const override {
    static constexpr StringLiteral kKeys[] = {"columns", "group",     "gather",
                                              "angles",  "head",      "cache",
                                              "side",    "replicated"};
    return kKeys;
  }

  FailureOr<KernelChoice> choose(tok::KernelOp op,
                                 const TargetDescription &) const override {
    return KernelChoice{op.getConfig(), "16 lanes", "none",
                        "the order of a row's sum is fixed"};
  }

  LogicalResult emit(tok::KernelOp op, func::FuncOp function,
                     const TargetDescription &target) const override {
    for (Value value : llvm::concat<Value>(llvm::to_vector(op.getInputs()),
                                           llvm::to_vector(op.getOutputs())))
      if (Type element = getElementTypeOrSelf(value.getType());
          element.isF16() || element.isBF16())
        return op.emitOpError("expects values of f32 on the CPU, but got ")
               << value.getType();
    if (op.getPrologue().empty())
      return op.emitOpError(
          "expects a prologue that says what each element is");
    Block &entry = function.getBody().front();
    Emitter e(&entry, target);
    return RowwiseEmitter(e, op, entry).emit();
  }
};

} // namespace

const KernelTemplate &cpu::rowwiseTemplate() {
  static const RowwiseTemplate instance;
  return instance;
}
