//===- AttentionCost.cpp - What attention costs ---------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Counted from what AttentionBlock writes for scores and for values, whose
// inner loops are alike: a dimension of the keys of `vectors` times 16 slots
// (or a slot of `vectors` times 16 channels of values) is loaded and converted,
// and multiplied with a number of each of some heads of some rows.
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cpu/AttentionCost.h"

#include "lib/Kernels/Common/Choice.h"
#include "lib/Kernels/Cpu/AttentionKernel.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cpu;
using kernels::kBlock;

namespace {

constexpr int64_t kLanes = kAttentionLanes;
/// Slots that a row of a prompt sees, on average: half of a prompt of 512.
constexpr double kPromptSlots = 256;

struct AttentionCost {
  const TargetDescription &target;
  tok::CacheType cache;
  int64_t heads;

  /// Cycles for a slot and the query heads of one key head, `group` of them and
  /// `vectors` times 16 slots at a time. All of them read the slot from memory
  /// once.
  double ofSlot(int64_t group, int64_t vectors) const {
    double bytes = bytesOf(cache.getKType()) * cache.getKSize() +
                   bytesOf(cache.getVType()) * cache.getVSize();
    return bytes / target.cycles.memoryRate +
           ofProducts(1, group, vectors, cache.getKType()) * cache.getKSize() +
           ofProducts(1, group, vectors, cache.getVType()) * cache.getVSize();
  }

  /// The same of a row of a tile, whose slots are in the second cache at least:
  /// `rows` rows of `tile` at a time, which share what they widen. Scores are
  /// computed for whole vectors, so on average half of a step in vain.
  double ofTileSlot(int64_t tile, int64_t rows, int64_t group,
                    int64_t vectors) const {
    double vain = 0.5 * vectors * kLanes / kPromptSlots;
    return ofShared(tile, rows, group, vectors, cache.getKType(),
                    cache.getKSize()) *
               (1 + vain) +
           ofShared(tile, rows, group, vectors, cache.getVType(),
                    cache.getVSize());
  }

private:
  static double bytesOf(Type type) { return type.getIntOrFloatBitWidth() / 8; }
  static int64_t conversionsOf(Type type) {
    return type.isF32() ? 0 : type.isF16() ? 1 : 2;
  }
  double registers() const { return double(kLanes) / target.lanes(); }

  /// Keys (or values) of `size` elements, that a tile widens once. Between two
  /// uses of them lies what some rows have besides: their query (or
  /// accumulators) and scores. What the first cache does not hold of that comes
  /// from the second.
  double ofShared(int64_t tile, int64_t rows, int64_t group, int64_t vectors,
                  Type type, int64_t size) const {
    const CycleCounts &machine = target.cycles;
    if (tile == 1)
      return ofProducts(1, group, vectors, type) * size;
    double cycles =
        ofProducts(rows, group, vectors, Float32Type::get(type.getContext())) *
        size / rows;
    if (!type.isF32())
      cycles += registers() * size / kLanes / tile *
                std::max(conversionsOf(type) / machine.operations,
                         2 / machine.accesses);
    int64_t inUse = 4 * (kBlock * size + rows * heads * (size + kBlock));
    if (inUse > machine.firstCacheBytes)
      cycles += 4.0 * size / rows / machine.secondCacheRate;
    return cycles;
  }

  /// Cycles for an element of a slot and all heads of `rows` rows.
  double ofProducts(int64_t rows, int64_t group, int64_t vectors,
                    Type type) const {
    double cycles = 0;
    for (int64_t first = 0; first < heads; first += group)
      cycles +=
          ofStep(rows * std::min(group, heads - first), vectors, type) / kLanes;
    return cycles;
  }

  /// Cycles for 16 products of each of `count` heads, of `vectors` times so
  /// many that are computed together:
  ///
  ///   max(operations, loads, waiting for the sum) + spills
  double ofStep(int64_t count, int64_t vectors, Type type) const {
    const CycleCounts &machine = target.cycles;
    double operations = registers() * (count + conversionsOf(type));
    double loads = registers() + double(count) / vectors;
    // Loaded values and sums; two more for a number and what is loaded next.
    double spilled =
        std::max(0.0, registers() * vectors * (count + 1) + 2 -
                          static_cast<double>(target.vectorRegisters));
    double wait = machine.latency + (spilled > 0 ? machine.storeLatency : 0);
    return std::max({operations / machine.operations, loads / machine.accesses,
                     wait / vectors}) +
           2 * spilled / vectors / machine.accesses;
  }
};

} // namespace

/// Numbers of 16 slots that registers can hold the scores of.
static constexpr int64_t kVectors[] = {4, 2, 1};

FailureOr<KernelChoice> cpu::chooseAttention(tok::KernelOp op,
                                             const TargetDescription &target) {
  auto cache = cast<tok::CacheType>(op.getInputs()[1].getType());
  int64_t heads = AttentionKernel::headsOf(op);
  AttentionCost cost{target, cache, heads};
  auto atATime = [](int64_t count, const char *what, int64_t vectors) {
    return std::to_string(count) + " " + what + " and " +
           std::to_string(vectors * kLanes) + " slots at a time";
  };

  SmallVector<kernels::Candidate> candidates;
  for (int64_t group = heads; group >= 1; --group)
    for (int64_t vectors : kVectors)
      candidates.push_back({atATime(group, "heads", vectors),
                            {{"group", group}, {"vectors", vectors}},
                            cost.ofSlot(group, vectors)});
  FailureOr<KernelChoice> one =
      chooseCheapest(op, candidates, "cycles a slot",
                     "heads share keys and values, more slots hide the latency "
                     "of a sum, and registers hold all sums");

  if (failed(one))
    return failure();

  int64_t group = one->config.getAs<IntegerAttr>("group").getInt();
  candidates.clear();
  for (int64_t tile : {kLargestTile, int64_t(8), int64_t(1)})
    for (int64_t rows : {8, 4, 2, 1})
      for (int64_t vectors : kVectors)
        candidates.push_back(
            {tile == 1 ? "no tiles"
                       : "tiles of " + std::to_string(tile) + " rows, " +
                             atATime(rows, "rows", vectors),
             {{"tile", tile}, {"tile_rows", rows}, {"tile_vectors", vectors}},
             cost.ofTileSlot(tile, rows, group, vectors)});
  FailureOr<KernelChoice> many =
      chooseCheapest(op, candidates, "cycles a slot", "");
  if (failed(many))
    return failure();

  NamedAttrList config(many->config);
  for (StringRef name : {"group", "vectors"})
    config.set(name, one->config.get(name));
  one->config = config.getDictionary(op.getContext());
  one->reason += "; of neighbours in a sequence, " + many->chosen;
  return one;
}
