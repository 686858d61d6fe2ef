//===- Linear.cpp - x W^T over packed weights -----------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Workers share the panels (16 outputs) of the weights. Rows pass in blocks
// that stay in the second cache; within a block, for each panel, in tiles of a
// few rows, what is left in smaller tiles. A tile walks the panel's blocks
// once, so weights are decoded once for all its rows.
//
// A row's sum runs over K in ascending groups of 32 whatever the tile:
//   i8:  acc = fma(float(sum of products) * d_x, d_w, acc)
//        acc = fma(m_w, d_x * sum x, acc)
//   f32: acc = fma(w, x, acc), k ascending
// so a row has the same bits alone and among others.
//
// config: matrices, inputs, outputs, compute (i8 | f32), tile
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Common/Choice.h"
#include "lib/Kernels/Cpu/Dot.h"
#include "lib/Kernels/Cpu/LinearTiles.h"
#include "lib/Kernels/Cpu/Templates.h"

#include <vector>

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cpu;

namespace {

/// Rows of this many bytes leave room for weights in the second cache, which is
/// 512 KiB at least where AVX2 is (AMD Zen to Zen 3).
constexpr int64_t kRowBlockBytes = 192 << 10;

/// Emits one linear kernel.
struct LinearEmitter : LinearKernel {
  int64_t tile;

  LinearEmitter(Emitter &e, tok::KernelOp op, Block &entry)
      : LinearKernel(e, op, entry), tile(configInt(op, "tile")) {}

  /// Input `k` behind column `column` of a row as f32, rounded when the op
  /// computes in i8.
  Val input(Val row, Val column, int64_t k) {
    if (!quantized)
      return e.load(e.f32(), e.offset(row, column * 4), 4 * k);
    Val value = e.convert(e.load(e.i8(), e.offset(row, column), k), e.f32());
    Val block = e.divide(column + k, e.i64(32));
    return value * e.load(e.f32(), e.offset(row, block * 4), layout.scales());
  }

  /// Adds the products of one group of columns to `sums`, a row's parts side by
  /// side, in integers.
  void addQuantizedGroup(const Codec &codec, ArrayRef<GroupRef> refs,
                         Val column, ArrayRef<Val> rows, Vals &sums) {
    Type bytes = e.vec(4 * lanes, e.i8());
    int64_t parts = refs.size();
    bool halves = codec.halfScale(e, refs[0], 0).value != nullptr;
    Val quarter = e.divide(column, e.i64(4));

    Vals firstSums, secondSums;
    for (Val row : rows) {
      Val at = e.offset(row, quarter);
      firstSums.push_back(e.load(e.i32(), at, layout.sums()));
      secondSums.push_back(e.load(e.i32(), at, layout.sums() + 4));
    }
    // The sums of four columns from 4i on, for each i of `fours`.
    auto sumColumns = [&](ArrayRef<int64_t> fours, ArrayRef<Val> rowSums) {
      std::vector<Dot> dots;
      for (Val rowSum : rowSums)
        for (int64_t part = 0; part < parts; ++part)
          dots.emplace_back(e, lanes, codec.bias(), codec.largest(), rowSum);
      for (int64_t i : fours) {
        Vals weights;
        for (const GroupRef &ref : refs)
          weights.push_back(codec.bytes(e, ref, i));
        for (auto [number, row] : llvm::enumerate(rows)) {
          Val four = e.load(e.i32(), e.offset(row, column), 4 * i);
          Val inputs = e.bitcast(e.splat(four, lanes), bytes);
          for (int64_t part = 0; part < parts; ++part)
            dots[number * parts + part].add(weights[part], inputs);
        }
      }
      Vals totals;
      for (Dot &dot : dots)
        totals.push_back(dot.finish());
      return totals;
    };

    Vals totals;
    if (halves) {
      totals = sumColumns({0, 1, 2, 3}, firstSums);
      for (auto [number, total] : llvm::enumerate(totals))
        total = total * codec.halfScale(e, refs[number % parts], 0);
      Vals seconds = sumColumns({4, 5, 6, 7}, secondSums);
      for (auto [number, total] : llvm::enumerate(totals))
        total = total +
                seconds[number] * codec.halfScale(e, refs[number % parts], 1);
    } else {
      Vals rowSums;
      for (auto [first, second] : llvm::zip_equal(firstSums, secondSums))
        rowSums.push_back(first + second);
      // A line of 4-bit weights holds columns 16 apart: together they need it
      // in a register only once.
      totals = sumColumns({0, 4, 1, 5, 2, 6, 3, 7}, rowSums);
    }

    scaleGroup(codec, refs, column, rows, totals, sums);
  }

  /// Calls `body` with each group of a panel: where it is, and its first
  /// column.
  Vals forGroups(int64_t matrix, Val panel, int64_t firstRow, int64_t parts,
                 Vals carried,
                 llvm::function_ref<Vals(ArrayRef<GroupRef>, Val, Vals)> body) {
    const Codec &codec = *codecs[matrix];
    int64_t blocks = columns / codec.blockColumns();
    Val base = panelBase(matrix, panel);
    auto visit = [&](Val block, Val group, Val column, ArrayRef<Val> values) {
      SmallVector<GroupRef> refs;
      for (int64_t part = 0; part < parts; ++part)
        refs.push_back({block, group, firstRow + part * lanes, lanes});
      return body(refs, column, Vals(values));
    };
    return e.loop(
        e.i64(0), e.i64(blocks), 1, carried, [&](Val b, ArrayRef<Val> values) {
          Val block = e.offset(base, b * codec.panelBytes());
          Val column = b * codec.blockColumns();
          if (codec.groups() == 1)
            return visit(block, block, column, values);
          return e.loop(e.i64(0), e.i64(codec.groups()), 1, values,
                        [&](Val s, ArrayRef<Val> values) {
                          Val group = e.offset(block, s * codec.groupBytes() +
                                                          codec.groupOffset());
                          return visit(block, group,
                                       column + s * codec.groupColumns(),
                                       values);
                        });
        });
  }

  void addFloatGroup(const Codec &codec, ArrayRef<GroupRef> refs, Val column,
                     ArrayRef<Val> rows, Vals &sums) {
    int64_t parts = refs.size();
    for (int64_t k = 0; k < codec.groupColumns(); ++k) {
      Vals weights;
      for (const GroupRef &ref : refs)
        weights.push_back(codec.decode(e, ref, k));
      for (auto [number, row] : llvm::enumerate(rows)) {
        Val x = e.splat(input(row, column, k), lanes);
        for (int64_t part = 0; part < parts; ++part) {
          Val &sum = sums[number * parts + part];
          sum = e.fma(weights[part], x, sum);
        }
      }
    }
  }

  /// The sums of `rows` with parts [begin, end) of a panel, a row's side by
  /// side.
  Vals sumPanel(int64_t matrix, Val panel, ArrayRef<Val> rows, int64_t begin,
                int64_t end) {
    const Codec &codec = *codecs[matrix];
    Vals zeros(rows.size() * (end - begin), e.zero(e.vec(lanes, e.f32())));
    return forGroups(matrix, panel, begin * lanes, end - begin, zeros,
                     [&](ArrayRef<GroupRef> refs, Val column, Vals sums) {
                       // Few rows stream their weights; more find them in the
                       // cache.
                       if (static_cast<int64_t>(rows.size()) < tile &&
                           codec.groupColumns() > 1)
                         for (int64_t line = 0; line < codec.groupBytes();
                              line += 64)
                           e.prefetch(refs[0].group, 4096 + line);
                       if (quantized && codec.groupColumns() > 1)
                         addQuantizedGroup(codec, refs, column, rows, sums);
                       else
                         addFloatGroup(codec, refs, column, rows, sums);
                       return sums;
                     });
  }

  /// Computes parts [begin, end) of a panel of `count` rows from `first` on and
  /// stores what the epilogue makes of them.
  LogicalResult emitParts(Val panel, Val first, int64_t count, int64_t begin,
                          int64_t end) {
    Vals rows;
    for (int64_t r = 0; r < count; ++r)
      rows.push_back(inputRow(first + r));
    SmallVector<Vals> sums;
    for (int64_t matrix = 0; matrix < matrices; ++matrix)
      sums.push_back(sumPanel(matrix, panel, rows, begin, end));
    return storeSums(panel, first, begin, end, sums);
  }

  /// Few rows take a panel's parts at once, so that they stream its weights
  /// once and load an input once for all; for more, registers do not suffice.
  LogicalResult emitTile(Val panel, Val first, int64_t count) {
    int64_t joined = count <= 2 ? parts : 1;
    for (int64_t part = 0; part < parts; part += joined)
      if (failed(emitParts(panel, first, count, part, part + joined)))
        return failure();
    return success();
  }

  /// Rows that pass at once: whole tiles, then what is left of them.
  SmallVector<int64_t> tileSizes() const {
    SmallVector<int64_t> sizes = {tile};
    for (int64_t count : {4, 2, 1})
      if (count < tile)
        sizes.push_back(count);
    return sizes;
  }

  LogicalResult emit() {
    int64_t panels = llvm::divideCeil(configInt(op, "outputs"), kPanelRows);
    auto [panelBegin, panelEnd] =
        e.share(arguments.frame, arguments.worker, e.i64(panels));
    bool tiles = quantized && usesTiles(e.target, codecs);
    int64_t multiple = tiles ? kTileRows : tile;
    int64_t blockRows =
        std::max<int64_t>(1, kRowBlockBytes / inputBytes() / multiple) *
        multiple;
    LogicalResult result = success();
    e.loop(arguments.rowBegin, arguments.rowEnd, blockRows,
           [&](Val blockBegin) {
             Val blockEnd = e.min(blockBegin + blockRows, arguments.rowEnd);
             Val begin = blockBegin;
             if (tiles)
               begin = emitTileRows(*this, panelBegin, panelEnd, blockBegin,
                                    blockEnd, result);
             e.loop(panelBegin, panelEnd, 1, [&](Val panel) {
               Val row = begin;
               for (int64_t count : tileSizes()) {
                 Val end = blockEnd - e.remainder(blockEnd - row, e.i64(count));
                 e.loop(row, end, count, [&](Val first) {
                   if (succeeded(result))
                     result = emitTile(panel, first, count);
                 });
                 row = end;
               }
             });
           });
    e.ret();
    return result;
  }
};

/// What a step of many rows costs, counted from what `LinearEmitter` writes.
/// Nothing is taken to overlap but operations with loads. (A step of few rows
/// takes the time that its weights take from memory, whatever the tile.)
struct LinearCost {
  const TargetDescription &target;
  const Codec &codec;
  bool quantized;
  int64_t columns, rowBytes;

  /// Cycles for a row and a panel in tiles of `tile` rows:
  ///
  ///   max(operations, loads) + spills + bytes from caches and memory
  ///
  /// where what is done once a tile is divided by its rows.
  double ofPanel(int64_t tile) const {
    const CycleCounts &machine = target.cycles;
    int64_t group = codec.groupColumns();
    double shared, own, loads, steps;
    if (quantized && group > 1) {
      // Weights of each four columns, once scale and offset; for a row the
      // products, then conversion, scales and offset.
      steps = group / 4;
      shared = steps * codec.operations() + 4;
      own = steps * countDotOperations(target, codec.largest()) + 5;
      loads = steps + 2;
    } else {
      // Of each column: a byte, its conversion, scale and offset; for a row the
      // multiply-add, and what makes a rounded input whole.
      steps = group;
      shared = steps * (codec.operations() + (group > 1 ? 4 : 0));
      own = steps * (quantized ? 4 : 1);
      loads = steps;
    }
    double lines = codec.groupBytes() / 64.0;
    // Two sums a row, of integers and of floats (a float path has its input
    // instead, which the compiler loads ahead); eight registers are for weights
    // and temporaries. What finds no register is loaded and stored a step: from
    // 4 to 8 rows on AVX2, both paths get some 90 more uses of the stack.
    double spilled =
        std::max<int64_t>(0, 2 * tile + 8 - target.vectorRegisters);
    double work = std::max((shared / tile + own) / machine.operations,
                           (lines / tile + loads) / machine.accesses) +
                  2 * spilled * steps / tile / machine.accesses;
    int64_t parts = kPanelRows / std::min(target.lanes(), kPanelRows);
    double panelBytes = columns / codec.blockColumns() * codec.panelBytes();
    // Rows come from the second cache for every panel, a panel for every tile
    // if the first does not hold it, and once a block of rows from memory.
    double fromSecond =
        rowBytes +
        (panelBytes > machine.firstCacheBytes ? panelBytes / tile : 0);
    double blockRows = std::max<double>(tile, kRowBlockBytes / rowBytes);
    return work * parts * columns / group +
           fromSecond / machine.secondCacheRate +
           panelBytes / blockRows / machine.memoryRate;
  }
};

/// Rows of a tile; more would make the code of a kernel too long.
constexpr int64_t kTiles[] = {16, 12, 8, 4, 2, 1};

struct LinearTemplate : KernelTemplate {
  StringRef getFamily() const override { return "linear"; }
  std::optional<ArrayRef<StringLiteral>> getKeys() const override {
    static constexpr StringLiteral kKeys[] = {"matrices", "inputs", "outputs",
                                              "compute", "scratch"};
    return kKeys;
  }

  ArrayRef<KernelKnob> getKnobs() const override {
    static constexpr KernelKnob kKnobs[] = {
        {"tile", "1, 2, 4, 8, 12 or 16",
         "rows that share the decoding of weights",
         [](tok::KernelOp, int64_t value) {
           return llvm::is_contained(kTiles, value);
         }},
    };
    return kKnobs;
  }

  FailureOr<KernelChoice>
  choose(tok::KernelOp op, const TargetDescription &target) const override {
    StringRef compute = configName(op, "compute");
    if (compute != "f32" && compute != "i8")
      return op.emitOpError("computes in ")
             << compute
             << ", which has no CPU template: expects compute = f32 or i8";
    SymbolTableCollection symbols;
    SmallVector<LinearCost> costs;
    SmallVector<const Codec *> codecs;
    for (auto symbol : op.getWeights()->getAsRange<FlatSymbolRefAttr>()) {
      auto weight = symbols.lookupNearestSymbolFrom<tok::WeightOp>(op, symbol);
      codecs.push_back(findCodec(weight.getTensorType().getElementType()));
      costs.push_back(
          {target, *codecs.back(), configName(op, "compute") == "i8",
           configInt(op, "inputs"), rowBytes(op.getInputs()[0].getType())});
    }
    costs.truncate(configInt(op, "matrices")); // biases stand behind
    codecs.truncate(costs.size());
    int64_t panels = llvm::divideCeil(configInt(op, "outputs"), kPanelRows);
    SmallVector<kernels::Candidate> candidates;
    for (int64_t tile : kTiles) {
      double cost = 0;
      for (const LinearCost &matrix : costs)
        cost += panels * matrix.ofPanel(tile);
      candidates.push_back({"a tile of " + std::to_string(tile) + " rows",
                            {{"tile", tile}},
                            cost});
    }
    std::string reason = "rows of a tile share the decoding of weights, and " +
                         std::to_string(target.vectorRegisters) +
                         " vector registers hold their sums";
    if (configName(op, "compute") == "i8" && usesTiles(target, codecs))
      reason += "; whole " + std::to_string(kTileRows) +
                " rows are multiplied by matrix tiles before";
    return chooseCheapest(op, candidates, "cycles a row", reason);
  }

  int64_t getScratchBytes(tok::KernelOp op) const override {
    if (configName(op, "compute") != "i8")
      return 0;
    return getTileScratchBytes(configInt(op, "matrices"),
                               configInt(op, "inputs"));
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
