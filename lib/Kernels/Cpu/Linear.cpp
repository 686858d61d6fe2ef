//===- Linear.cpp - x W^T over packed weights -----------------------------===//
//
// Workers share the panels (16 outputs) of the weights. For each panel the rows
// pass in tiles of a few rows, the rest one by one; a tile walks the panel's
// blocks once, so its weights are decoded once for all its rows.
//
// A row's sum runs over K in ascending groups of 32 whatever the tile:
//   i8:  acc = fma(float(sum of products) * d_x, d_w, acc); acc = fma(m_w, d_x
//   * sum x, acc) f32: acc = fma(w, x, acc), k ascending
// so a row has the same bits alone and among others.
//
// config: matrices, inputs, outputs, compute (i8 | f32), tile
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Common/Regions.h"
#include "lib/Kernels/Cpu/Arguments.h"
#include "lib/Kernels/Cpu/Codecs.h"
#include "lib/Kernels/Cpu/Dot.h"
#include "lib/Kernels/Cpu/Templates.h"

#include <vector>

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cpu;

namespace {

/// Emits one linear kernel.
struct LinearEmitter {
  Emitter &e;
  tok::KernelOp op;
  Arguments arguments;
  int64_t matrices, columns, lanes;
  bool quantized;
  QuantizedRow layout;
  SmallVector<const Codec *> codecs;

  LinearEmitter(Emitter &e, tok::KernelOp op, Block &entry)
      : e(e), op(op), arguments(e, op, entry),
        matrices(configInt(op, "matrices")), columns(configInt(op, "inputs")),
        lanes(std::min(e.target.lanes(), kPanelRows)),
        quantized(configName(op, "compute") == "i8"), layout(columns) {}

  /// Address of row `row` of the input.
  Val inputRow(Val row) {
    return e.offset(arguments.inputs[0],
                    row * rowBytes(op.getInputs()[0].getType()));
  }

  /// Input `k` behind column `column` of a row as f32, rounded when the op
  /// computes in i8.
  Val input(Val row, Val column, int64_t k) {
    if (!quantized)
      return e.load(e.f32(), e.offset(row, column * 4), 4 * k);
    Val value = e.convert(e.load(e.i8(), e.offset(row, column), k), e.f32());
    Val block = e.divide(column + k, e.i64(32));
    return value * e.load(e.f32(), e.offset(row, block * 4), layout.scales());
  }

  /// Adds the products of one group of columns to `sums`, one a row, in
  /// integers.
  void addQuantizedGroup(const Codec &codec, const GroupRef &ref, Val column,
                         ArrayRef<Val> rows, Vals &sums) {
    Type bytes = e.vec(4 * lanes, e.i8());
    bool halves = codec.halfScale(e, ref, 0).value != nullptr;
    int64_t parts = halves ? 2 : 1;
    Val quarter = e.divide(column, e.i64(4)),
        eighth = e.divide(column, e.i64(8));

    std::vector<std::vector<Dot>> dots(rows.size());
    for (auto [dot, row] : llvm::zip_equal(dots, rows)) {
      Val at = e.offset(row, quarter);
      Val first = e.load(e.i32(), at, layout.sums()),
          second = e.load(e.i32(), at, layout.sums() + 4);
      if (halves) {
        dot.emplace_back(e, lanes, codec.bias(), codec.largest(), first);
        dot.emplace_back(e, lanes, codec.bias(), codec.largest(), second);
      } else {
        dot.emplace_back(e, lanes, codec.bias(), codec.largest(),
                         first + second);
      }
    }
    for (int64_t i = 0; i < 8; ++i) {
      Val weights = codec.bytes(e, ref, i);
      for (auto [dot, row] : llvm::zip_equal(dots, rows)) {
        Val four = e.load(e.i32(), e.offset(row, column), 4 * i);
        dot[i / (8 / parts)].add(weights,
                                 e.bitcast(e.splat(four, lanes), bytes));
      }
    }
    Val scale = codec.scale(e, ref), offset = codec.offset(e, ref);
    for (auto [dot, row, sum] : llvm::zip_equal(dots, rows, sums)) {
      Val total = dot[0].finish();
      if (halves)
        total = total * codec.halfScale(e, ref, 0) +
                dot[1].finish() * codec.halfScale(e, ref, 1);
      Val at = e.offset(row, eighth);
      Val rowScale = e.splat(e.load(e.f32(), at, layout.scales()), lanes);
      sum = e.fma(e.convert(total, e.f32()) * rowScale, scale, sum);
      if (offset.value) {
        Val rowSum = e.splat(e.load(e.f32(), at, layout.scaledSums()), lanes);
        sum = e.fma(offset, rowSum, sum);
      }
    }
  }

  void addFloatGroup(const Codec &codec, const GroupRef &ref, Val column,
                     ArrayRef<Val> rows, Vals &sums) {
    for (int64_t k = 0; k < codec.groupColumns(); ++k) {
      Val weights = codec.decode(e, ref, k);
      for (auto [row, sum] : llvm::zip_equal(rows, sums))
        sum = e.fma(weights, e.splat(input(row, column, k), lanes), sum);
    }
  }

  /// The sums of `rows` with `lanes` outputs of a panel, from `firstRow` on.
  Vals sumPanel(int64_t matrix, Val panel, int64_t firstRow,
                ArrayRef<Val> rows) {
    const Codec &codec = *codecs[matrix];
    int64_t blocks = columns / codec.blockColumns();
    Val base = e.offset(arguments.weights[matrix],
                        panel * (blocks * codec.panelBytes()));
    Vals zeros(rows.size(), e.zero(e.vec(lanes, e.f32())));

    auto addGroup = [&](Val block, Val group, Val column, Vals sums) {
      GroupRef ref{block, group, firstRow, lanes};
      // A single row streams its weights; more rows find them in the cache.
      if (rows.size() == 1 && codec.groupColumns() > 1)
        for (int64_t line = 0; line < codec.groupBytes(); line += 64)
          e.prefetch(group, 4096 + line);
      if (quantized && codec.groupColumns() > 1)
        addQuantizedGroup(codec, ref, column, rows, sums);
      else
        addFloatGroup(codec, ref, column, rows, sums);
      return sums;
    };
    return e.loop(
        e.i64(0), e.i64(blocks), 1, zeros, [&](Val b, ArrayRef<Val> sums) {
          Val block = e.offset(base, b * codec.panelBytes());
          Val column = b * codec.blockColumns();
          if (codec.groups() == 1)
            return addGroup(block, block, column, Vals(sums));
          return e.loop(e.i64(0), e.i64(codec.groups()), 1, sums,
                        [&](Val s, ArrayRef<Val> sums) {
                          Val group = e.offset(block, s * codec.groupBytes() +
                                                          codec.groupOffset());
                          return addGroup(block, group,
                                          column + s * codec.groupColumns(),
                                          Vals(sums));
                        });
        });
  }

  /// Computes a panel of `count` rows from `row` on and stores what the
  /// epilogue makes of it.
  LogicalResult emitTile(Val panel, Val row, int64_t count) {
    Vals rows;
    for (int64_t r = 0; r < count; ++r)
      rows.push_back(inputRow(row + r));
    for (int64_t firstRow = 0; firstRow < kPanelRows; firstRow += lanes) {
      SmallVector<Vals> sums;
      for (int64_t matrix = 0; matrix < matrices; ++matrix)
        sums.push_back(sumPanel(matrix, panel, firstRow, rows));
      Val bytes = panel * (4 * kPanelRows) + 4 * firstRow;
      Type vector = e.vec(lanes, e.f32());
      for (int64_t r = 0; r < count; ++r) {
        Vals values;
        for (Vals &matrix : sums)
          values.push_back(matrix[r]);
        for (Val bias : ArrayRef(arguments.weights).drop_front(matrices))
          values.push_back(e.load(vector, e.offset(bias, bytes)));
        for (size_t i = 1; i < arguments.inputs.size(); ++i) {
          Val at = e.offset(arguments.inputs[i],
                            (row + r) * rowBytes(op.getInputs()[i].getType()));
          values.push_back(e.load(vector, e.offset(at, bytes)));
        }
        if (!op.getEpilogue().empty()) {
          FailureOr<Vals> results =
              cloneRegion(e, op.getEpilogue(), values, lanes);
          if (failed(results))
            return failure();
          values = *results;
        }
        Val at = e.offset(arguments.outputs[0],
                          (row + r) * rowBytes(op.getOutputs()[0].getType()));
        e.store(values[0], e.offset(at, bytes));
      }
    }
    return success();
  }

  LogicalResult emit() {
    SymbolTableCollection symbols;
    for (auto symbol : op.getWeights()->getAsRange<FlatSymbolRefAttr>()) {
      auto weight = symbols.lookupNearestSymbolFrom<tok::WeightOp>(op, symbol);
      codecs.push_back(findCodec(weight.getTensorType().getElementType()));
    }
    int64_t tile = configInt(op, "tile");
    int64_t panels = llvm::divideCeil(configInt(op, "outputs"), kPanelRows);
    auto [panelBegin, panelEnd] =
        e.share(arguments.frame, arguments.worker, e.i64(panels));
    Val rows = arguments.rowEnd - arguments.rowBegin;
    Val tiledEnd = arguments.rowEnd - e.remainder(rows, e.i64(tile));
    LogicalResult result = success();
    e.loop(panelBegin, panelEnd, 1, [&](Val panel) {
      e.loop(arguments.rowBegin, tiledEnd, tile, [&](Val row) {
        if (failed(emitTile(panel, row, tile)))
          result = failure();
      });
      e.loop(tiledEnd, arguments.rowEnd, 1, [&](Val row) {
        if (succeeded(result) && failed(emitTile(panel, row, 1)))
          result = failure();
      });
    });
    e.ret();
    return result;
  }
};

struct LinearTemplate : KernelTemplate {
  StringRef getFamily() const override { return "linear"; }

  /// A tile needs one accumulator of integers and one of floats a row, and
  /// registers for weights, inputs and temporaries.
  KernelChoice choose(tok::KernelOp op,
                      const TargetDescription &target) const override {
    int64_t tile = std::clamp<int64_t>((target.vectorRegisters - 6) / 2, 1, 6);
    if (!target.hasDotProduct)
      tile = std::min<int64_t>(tile, 4);
    Builder builder(op.getContext());
    return {extendConfig(op, builder.getNamedAttr(
                                 "tile", builder.getI64IntegerAttr(tile))),
            "tile of " + std::to_string(tile) + " rows", "one row",
            std::to_string(target.vectorRegisters) +
                " vector registers hold two accumulators a row"};
  }

  LogicalResult emit(tok::KernelOp op, func::FuncOp function,
                     const TargetDescription &target) const override {
    Block &entry = function.getBody().front();
    Emitter e(&entry, target);
    return LinearEmitter(e, op, entry).emit();
  }
};

} // namespace

const KernelTemplate &cpu::linearTemplate() {
  static const LinearTemplate instance;
  return instance;
}
