//===- LinearTiles.cpp - Linears of many rows by matrix tiles -------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A panel is decoded once to bytes in scratch. Then, for tiles of 16 rows, each
// group of 32 columns is one product of tiles, whose 16 x 16 integers go
// through memory, since they are scaled group by group. The integers are exact
// and everything else is as in Linear.cpp, so a row has the same bits here and
// there.
//
// A product is multiplied in one step, stored in the next and scaled in one
// after: nothing waits for what was begun just before.
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cpu/LinearTiles.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cpu;

/// Groups of columns whose products are stored ahead of the one that is scaled.
static constexpr int64_t kAhead = 2;
/// Products that have a place: more than are ahead, and a power of two.
static constexpr int64_t kPlaces = 4;
/// Panels that find a tile of inputs in the first cache.
static constexpr int64_t kTileUnits = 2;
/// Columns of a group.
static constexpr int64_t kGroup = 32;

bool cpu::usesTiles(const TargetDescription &target,
                    ArrayRef<const Codec *> codecs) {
  return target.hasTiles && llvm::all_of(codecs, [](const Codec *codec) {
           return codec->groupColumns() == kGroup;
         });
}

int64_t cpu::getTileScratchBytes(int64_t matrices, int64_t columns) {
  int64_t units = std::max(matrices, kTileUnits);
  return units * columns * kPanelRows + kPlaces * 2 * kTileBytes;
}

namespace {

/// A panel of a matrix, decoded.
struct TileUnit {
  int64_t matrix;
  Val panel;
  /// Its weights, as they are packed and as bytes.
  Val base, decoded;
  /// Q6_K has two integer scales a group, so two products.
  int64_t halves;
};

struct TileEmitter {
  LinearKernel &kernel;
  Emitter &e;
  int64_t matrices, columns;
  Val scratch;

  explicit TileEmitter(LinearKernel &kernel)
      : kernel(kernel), e(kernel.e), matrices(kernel.matrices),
        columns(kernel.columns),
        scratch(e.scratch(kernel.arguments.frame, kernel.arguments.worker,
                          configInt(kernel.op, "scratch"))) {}

  int64_t decodedBytes() const { return columns * kPanelRows; }

  /// Group `number` of a panel: where it is, counted over all blocks.
  GroupRef groupRef(const Codec &codec, Val base, Val number) {
    Val block = e.offset(base, e.divide(number, e.i64(codec.groups())) *
                                   codec.panelBytes());
    if (codec.groups() == 1)
      return {block, block, 0, kTileRows};
    Val group = e.remainder(number, e.i64(codec.groups()));
    return {block,
            e.offset(block, group * codec.groupBytes() + codec.groupOffset()),
            0, kTileRows};
  }

  /// The units of `panels`, numbered as their scratch is.
  SmallVector<TileUnit> tileUnits(ArrayRef<Val> panels) {
    SmallVector<TileUnit> units;
    for (Val panel : panels)
      for (int64_t matrix = 0; matrix < matrices; ++matrix) {
        const Codec &codec = *kernel.codecs[matrix];
        Val base = kernel.panelBase(matrix, panel);
        Val decoded = e.offset(scratch, units.size() * decodedBytes());
        Val second = codec.halfScale(e, groupRef(codec, base, e.i64(0)), 1);
        units.push_back({matrix, panel, base, decoded, second.value ? 2 : 1});
      }
    return units;
  }

  /// Writes the weights of `unit` to scratch as the unsigned bytes that tiles
  /// multiply, once for all rows of a block.
  void decode(const TileUnit &unit) {
    const Codec &codec = *kernel.codecs[unit.matrix];
    e.loop(e.i64(0), e.i64(columns / kGroup), 1, [&](Val number) {
      GroupRef ref = groupRef(codec, unit.base, number);
      Val lines = e.offset(unit.decoded, number * (kGroup * kPanelRows));
      for (int64_t i = 0; i < 8; ++i)
        e.store(codec.bytes(e, ref, i), lines, 64 * i);
    });
  }

  /// Adds group `number` of `unit`, whose products are at `products`, to the
  /// sums of `rows`: the same integers as those of `addQuantizedGroup`.
  Vals scaleProducts(const TileUnit &unit, Val number, Val products,
                     ArrayRef<Val> rows, Vals sums) {
    const Codec &codec = *kernel.codecs[unit.matrix];
    GroupRef ref = groupRef(codec, unit.base, number);
    Type words = e.vec(kTileRows, e.i32());
    Vals totals;
    for (auto [index, row] : llvm::enumerate(rows)) {
      auto total = [&](int64_t half) {
        Val sum = e.load(words, products, half * kTileBytes + 64 * index);
        if (codec.bias() == 0)
          return sum;
        Val at = e.offset(row, number * 8);
        Val rowSum = e.load(e.i32(), at, kernel.layout.sums() + 4 * half);
        if (unit.halves == 1)
          rowSum = rowSum + e.load(e.i32(), at, kernel.layout.sums() + 4);
        return sum + e.splat(rowSum * -codec.bias(), kTileRows);
      };
      Val sum = total(0);
      if (unit.halves == 2)
        sum = sum * codec.halfScale(e, ref, 0) +
              total(1) * codec.halfScale(e, ref, 1);
      totals.push_back(sum);
    }
    kernel.scaleGroup(codec, ref, number * kGroup, rows, totals, sums);
    return sums;
  }

  /// The sums of `kTileRows` rows with `unit`; products have their places from
  /// `places` on in turn.
  Vals sumTile(const TileUnit &unit, Val places, ArrayRef<Val> rows) {
    auto placeOf = [&](Val number) {
      return e.offset(places, e.andBits(number, kPlaces - 1) *
                                  (unit.halves * kTileBytes));
    };
    int64_t width = kGroup / unit.halves;
    auto multiply = [&](Val number) {
      Val group = e.offset(unit.decoded, number * (kGroup * kPanelRows));
      Vals products;
      for (int64_t half = 0; half < unit.halves; ++half)
        products.push_back(
            multiplyTiles(e, e.offset(rows[0], number * kGroup + half * width),
                          kernel.inputBytes(),
                          e.offset(group, half * width * kPanelRows), width));
      return products;
    };
    auto store = [&](Val number, ArrayRef<Val> products) {
      for (auto [half, product] : llvm::enumerate(products))
        storeTile(e, product, e.offset(placeOf(number), half * kTileBytes));
    };
    auto scale = [&](Val number, ArrayRef<Val> sums) {
      return scaleProducts(unit, number, placeOf(number), rows, Vals(sums));
    };

    int64_t groups = columns / kGroup, ahead = std::min(kAhead, groups - 1);
    for (int64_t number = 0; number < ahead; ++number)
      store(e.i64(number), multiply(e.i64(number)));
    Vals carried(rows.size(), e.zero(e.vec(kTileRows, e.f32())));
    carried.append(multiply(e.i64(ahead)));
    carried = e.loop(e.i64(0), e.i64(groups - 1 - ahead), 1, carried,
                     [&](Val number, ArrayRef<Val> before) {
                       store(number + ahead, before.drop_front(rows.size()));
                       Vals products = multiply(number + (ahead + 1));
                       Vals next =
                           scale(number, before.take_front(rows.size()));
                       next.append(products);
                       return next;
                     });
    ArrayRef<Val> last(carried);
    store(e.i64(groups - 1), last.drop_front(rows.size()));
    return e.loop(e.i64(groups - 1 - ahead), e.i64(groups), 1,
                  last.take_front(rows.size()), scale);
  }

  LogicalResult emitTiles(ArrayRef<TileUnit> units, Val first) {
    Vals rows;
    for (int64_t r = 0; r < kTileRows; ++r)
      rows.push_back(kernel.inputRow(first + r));
    Val places = e.offset(scratch, units.size() * decodedBytes());
    SmallVector<Vals> sums;
    for (const TileUnit &unit : units)
      sums.push_back(sumTile(unit, places, rows));
    for (size_t place = 0; place < units.size(); place += matrices)
      if (failed(kernel.storeSums(units[place].panel, first, 0, kernel.parts,
                                  ArrayRef(sums).slice(place, matrices))))
        return failure();
    return success();
  }
};

} // namespace

Val cpu::emitTileRows(LinearKernel &kernel, Val panelBegin, Val panelEnd,
                      Val begin, Val end, LogicalResult &result) {
  Emitter &e = kernel.e;
  Val tilesEnd = end - e.remainder(end - begin, e.i64(kTileRows));
  e.when(e.less(begin, tilesEnd), [&] {
    TileEmitter tiles(kernel);
    auto emitPanels = [&](Val first, Val last, int64_t together) {
      e.loop(first, last, together, [&](Val panel) {
        Vals panels;
        for (int64_t i = 0; i < together; ++i)
          panels.push_back(panel + i);
        SmallVector<TileUnit> units = tiles.tileUnits(panels);
        for (const TileUnit &unit : units)
          tiles.decode(unit);
        e.loop(begin, tilesEnd, kTileRows, [&](Val row) {
          if (failed(tiles.emitTiles(units, row)))
            result = failure();
        });
      });
    };
    // Two matrices are two units already.
    int64_t together = kernel.matrices == 1 ? kTileUnits : 1;
    Val rest = panelEnd - e.remainder(panelEnd - panelBegin, e.i64(together));
    emitPanels(panelBegin, rest, together);
    if (together > 1)
      emitPanels(rest, panelEnd, 1);
  });
  return tilesEnd;
}
