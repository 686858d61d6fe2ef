//===- PackedTile.cpp - Packed weights as matrices of tensor cores --------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cuda/PackedTile.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cuda;

using kernels::Codec;
using kernels::kPanelRows;
using kernels::Operand;

/// Rows of a lane, and bytes that a line of columns has of them.
static constexpr int64_t kLaneRows = 4;
static_assert(kLaneRows * 4 == kChunkBytes);
/// Bytes of a line, and of those that all lanes read at once: four.
static constexpr int64_t kLineBytes = 4 * kPanelRows;
static constexpr int64_t kLineSetBytes = 4 * kLineBytes;

namespace {

/// Numbers of a lane in fragments.
struct LanePlace {
  Val g, t;
  LanePlace(cuda::Emitter &e, Here here)
      : g(e.divide(e.lane(here), e.i32(4, here), here)),
        t(e.remainder(e.lane(here), e.i32(4, here), here)) {}
};

} // namespace

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

void PackedTile::copy(Emitter &e, const Source &from, Val number, Val to,
                      Here here) const {
  auto op = [&](int64_t value) { return Operand(value, here); };
  // A tile is some blocks, or a part of one.
  int64_t parts = std::max<int64_t>(1, codec.groups() / kGroups);
  int64_t blocks = std::max<int64_t>(1, kGroups / codec.groups());
  Val block = number, part = e.i32(0, here);
  if (parts > 1) {
    block = e.divide(number, e.i32(parts, here), here);
    part = e.remainder(number, e.i32(parts, here), here);
  }
  Val blockAt = block * op(blocks * codec.panelBytes());
  Val groupsAt = blockAt + op(codec.groupOffset());
  if (parts > 1)
    groupsAt =
        groupsAt + Operand(part * op(kGroups * codec.groupBytes()), here);
  Val firstGroup = number * op(kGroups);
  bool isWhole = from.groups % kGroups == 0;

  // 16 bytes at `bytes` of panel `panel`, if that and `group` exist. The first
  // group of a tile does.
  auto copyChunk = [&](Val panel, Val bytes, Val group, Val place) {
    Val exists = e.less(panel, from.panelCount, here);
    if (!isWhole && group.value)
      exists = e.both(exists,
                      e.less(firstGroup + Operand(group, here),
                             e.i32(from.groups, here), here),
                      here);
    Val wide = e.convert(panel, e.i64(), /*isUnsigned=*/true, here);
    Val source = e.offset(from.panels, wide * op(from.panelStride), here);
    e.copyAsync(
        e.offset(to, place, here), e.offset(source, bytes, here),
        e.select(exists, e.i32(kChunkBytes, here), e.i32(0, here), here), here);
  };

  // A lane copies what it will read.
  Val lane = e.lane(here);
  LanePlace mine(e, here);
  Val lanePanel = e.divide(mine.g, e.i32(4, here), here);
  Val laneBytes =
      mine.t * op(kLineBytes) +
      Operand(e.remainder(mine.g, e.i32(4, here), here) * op(kChunkBytes),
              here);
  int64_t sets = codec.columnBytes() / kLineSetBytes;
  for (int64_t group = 0; group < kGroups; ++group)
    for (int64_t set = 0; set < sets; ++set) {
      int64_t bytes = group * codec.groupBytes() + set * kLineSetBytes;
      Val place = lane * op(kChunkBytes) +
                  op((group * sets + set) * kWarp * kChunkBytes);
      copyChunk(lanePanel, groupsAt + Operand(laneBytes + op(bytes), here),
                group ? e.i32(group, here) : Val(), place);
    }

  // `chunks` of each panel, dealt out to lanes; `body` gets the number of the
  // panel and of the chunk.
  auto dealOut = [&](int64_t chunks, function_ref<void(Val, Val)> body) {
    int64_t count = kPanels * chunks;
    for (int64_t first = 0; first < count; first += kWarp) {
      Val chunk = lane + op(first);
      auto copyOne = [&] {
        body(e.divide(chunk, e.i32(chunks, here), here),
             e.remainder(chunk, e.i32(chunks, here), here));
      };
      if (first + kWarp <= count)
        copyOne();
      else
        e.when(e.less(chunk, e.i32(count, here), here), copyOne, here);
    }
  };
  auto sideOf = [&](Val panel) {
    return panel * op(sideBytes()) + op(lineBytes());
  };
  dealOut(codec.groupOffset() / kChunkBytes, [&](Val panel, Val chunk) {
    Val bytes = chunk * op(kChunkBytes);
    copyChunk(panel, blockAt + Operand(bytes, here), {},
              sideOf(panel) + Operand(bytes, here));
  });
  int64_t tails = tailBytes() / kChunkBytes;
  dealOut(kGroups * tails, [&](Val panel, Val chunk) {
    Val group = e.divide(chunk, e.i32(tails, here), here);
    Val within = e.remainder(chunk, e.i32(tails, here), here) * op(kChunkBytes);
    Val bytes = group * op(codec.groupBytes()) + op(codec.columnBytes());
    copyChunk(
        panel, groupsAt + Operand(bytes + Operand(within, here), here), group,
        sideOf(panel) +
            Operand(chunk * op(kChunkBytes) + op(codec.groupOffset()), here));
  });
}

namespace tokopt::cuda {

/// What a lane holds of a group of a tile.
class PackedGroupReader : public kernels::GroupReader {
public:
  PackedGroupReader(Emitter &e, const PackedTile &tile, Val base, int64_t group,
                    Here here)
      : GroupReader(kLaneRows), e(e), tile(tile), group(group), here(here) {
    LanePlace place(e, here);
    firstLine = place.t;
    quad = e.remainder(place.g, e.i32(4, here), here);
    Val panel = e.divide(place.g, e.i32(4, here), here);
    lines = e.offset(base, e.lane(here) * Operand(kChunkBytes, here), here);
    side =
        e.offset(e.offset(base, panel * Operand(tile.sideBytes(), here), here),
                 tile.lineBytes(), here);
  }

  Val columns(kernels::Emitter &, int64_t line) const override {
    assert(line % 4 == 0 && "a lane reads the line of its own columns");
    int64_t set = group * (tile.codec.columnBytes() / kLineSetBytes) + line / 4;
    return e.loadChunks(VectorType::get({kLaneRows}, e.i32()),
                        e.offset(lines, set * kWarp * kChunkBytes, here), here);
  }
  Val words(kernels::Emitter &, int64_t bytes) const override {
    return load(e.i32(), Of::Group, bytes);
  }
  Val halves(kernels::Emitter &, Of of, int64_t bytes) const override {
    return load(e.f16(), of, bytes);
  }
  Val bytes(kernels::Emitter &, int64_t bytes) const override {
    return load(e.i8(), Of::Group, bytes);
  }

private:
  /// An element of each row, of those that begin at `bytes`.
  Val load(Type element, Of of, int64_t bytes) const {
    auto type = VectorType::get({kLaneRows}, element);
    int64_t size = kLaneRows * element.getIntOrFloatBitWidth() / 8;
    int64_t place = bytes;
    if (of == Of::Group)
      place += tile.codec.groupOffset() + group * tile.tailBytes() -
               tile.codec.columnBytes();
    Val mine = e.offset(side, quad * Operand(size, here), here);
    return e.loadChunks(type, e.offset(mine, place, here), here);
  }

  Emitter &e;
  const PackedTile &tile;
  const int64_t group;
  Here here;
  Val quad, lines, side;
};

} // namespace tokopt::cuda

PackedTile::Group PackedTile::read(Emitter &e, Landed tile, int64_t number,
                                   Here here) const {
  PackedGroupReader reader(e, *this, tile.base, number, here);
  Type pairs = e.vec(2 * kLaneRows, e.f16()), words = e.vec(kLaneRows, e.i32());
  Group group;
  for (int64_t step = 0; step < kSteps; ++step) {
    // The f16 0x6400 + q is the number 1024 + q.
    Val bytes = e.bitcast(codec.bytes(e, reader, 4 * step), words, here);
    auto pairOf = [&](int64_t first) {
      Val two =
          e.andBits(e.shiftRight(bytes, 8 * first, here), 0x00FF00FF, here);
      Val raised = e.bitcast(
          e.orBits(two, e.constant(int64_t(0x64006400), words, here), here),
          pairs, here);
      Val bias = e.constant(1024.0 + codec.bias(), pairs, here);
      return e.bitcast(raised - Operand(bias, here), words, here);
    };
    Val low = pairOf(0), high = pairOf(1);
    for (int64_t product = 0; product < kProducts; ++product) {
      auto row = [&](Val pair, int64_t i) {
        return e.extract(pair, 2 * product + i, here);
      };
      group.left[product][step] = {
          e.f16(), {row(low, 0), row(low, 1), row(high, 0), row(high, 1)}};
    }
  }
  Val scale = codec.scale(e, reader);
  group.scales.assign(kSteps, scale);
  group.offset = codec.offset(e, reader);
  group.isScaledByStep = codec.halfScale(e, reader, 0).value != nullptr;
  for (int64_t step = 0; group.isScaledByStep && step < kSteps; ++step)
    group.scales[step] =
        scale * Operand(e.convert(codec.halfScale(e, reader, step), e.f32(),
                                  /*isUnsigned=*/false, here),
                        here);
  return group;
}

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

void PackedInputs::copy(Emitter &e, Val from, int64_t rowBytes, int64_t columns,
                        Val count, Val number, Val to, Here here) const {
  auto op = [&](int64_t value) { return Operand(value, here); };
  constexpr int64_t kRowLanes = 2 * PackedTile::kColumns / kChunkBytes;
  Val laneRow = e.divide(e.lane(here), e.i32(kRowLanes, here), here);
  Val bytes =
      e.remainder(e.lane(here), e.i32(kRowLanes, here), here) * op(kChunkBytes);
  Val column = number * op(2 * PackedTile::kColumns) + Operand(bytes, here);
  for (int64_t first = 0; first < rows; first += kWarp / kRowLanes) {
    Val row = laneRow + op(first);
    auto copyOne = [&] {
      Val exists = e.less(row, count, here);
      if (columns % PackedTile::kColumns)
        exists = e.both(exists, e.less(column, e.i32(2 * columns, here), here),
                        here);
      Val wide = e.convert(row, e.i64(), /*isUnsigned=*/true, here);
      Val source =
          e.offset(e.offset(from, wide * op(rowBytes), here), column, here);
      Val place = row * op(kRowBytes) + Operand(bytes, here);
      e.copyAsync(
          e.offset(to, place, here), source,
          e.select(exists, e.i32(kChunkBytes, here), e.i32(0, here), here),
          here);
    };
    if (first + kWarp / kRowLanes <= rows)
      copyOne();
    else
      e.when(e.less(row, e.i32(rows, here), here), copyOne, here);
  }
}

FragmentB PackedInputs::read(Emitter &e, Landed inputs, int64_t group,
                             int64_t step, int64_t product, Here here) const {
  LanePlace place(e, here);
  Val row = place.g;
  if (rows < kProductColumns)
    row = e.remainder(row, e.i32(rows, here), here);
  Val at = e.offset(inputs.base,
                    row * Operand(kRowBytes, here) +
                        Operand(place.t * Operand(8, here), here),
                    here);
  int64_t bytes =
      product * kProductColumns * kRowBytes +
      2 * (group * PackedTile::kGroupColumns + step * kProductDepth);
  Val four = e.loadChunks(VectorType::get({4}, e.i16()),
                          e.offset(at, bytes, here), here);
  auto pair = [&](int64_t first) {
    return e.bitcast(e.shuffle(four, four, {first, first + 2}, here), e.i32(),
                     here);
  };
  return {element, {pair(0), pair(1)}};
}
