//===- AttentionCost.h - What attention costs -------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Counted from what AttentionEmitter writes for scores and for values, whose
// inner loops are alike: a dimension of the keys of `vectors` times 16 slots
// (or a slot of `vectors` times 16 columns of values) is loaded and converted,
// and multiplied with a number of each of some heads.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CPU_ATTENTIONCOST_H
#define TOKOPT_KERNELS_CPU_ATTENTIONCOST_H

#include "tokopt/Kernel.h"

namespace tokopt::cpu {

struct AttentionCost {
  AttentionCost(const TargetDescription &target, tok::CacheType cache,
                int64_t heads)
      : target(target), cache(cache), heads(heads) {}

  /// Cycles for a slot and the query heads of one key head, `group` of them and
  /// `vectors` times 16 slots at a time. All of them read the slot from memory
  /// once.
  double ofSlot(int64_t group, int64_t vectors) const {
    double bytes = bytesOf(cache.getKType()) * cache.getKSize() +
                   bytesOf(cache.getVType()) * cache.getVSize();
    double cycles = bytes / target.cycles.memoryRate;
    for (int64_t first = 0; first < heads; first += group) {
      int64_t count = std::min(group, heads - first);
      cycles += (ofStep(count, vectors, cache.getKType()) * cache.getKSize() +
                 ofStep(count, vectors, cache.getVType()) * cache.getVSize()) /
                kLanes;
    }
    return cycles;
  }

private:
  static constexpr int64_t kLanes = 16;

  static int64_t bytesOf(mlir::Type type) {
    return type.getIntOrFloatBitWidth() / 8;
  }

  /// Cycles for 16 products of each of `count` heads, of `vectors` times so
  /// many that are computed together:
  ///
  ///   max(operations, loads, waiting for the sum) + spills
  double ofStep(int64_t count, int64_t vectors, mlir::Type type) const {
    const CycleCounts &machine = target.cycles;
    double registers = double(kLanes) / target.lanes();
    int64_t conversions = type.isF32() ? 0 : type.isF16() ? 1 : 2;
    double operations = registers * (count + conversions);
    double loads = registers + double(count) / vectors;
    // Loaded values and sums; two more for a number and what is loaded next.
    double spilled =
        std::max(0.0, registers * vectors * (count + 1) + 2 -
                          static_cast<double>(target.vectorRegisters));
    double wait = machine.latency + (spilled > 0 ? machine.storeLatency : 0);
    return std::max({operations / machine.operations, loads / machine.accesses,
                     wait / vectors}) +
           2 * spilled / vectors / machine.accesses;
  }

  const TargetDescription &target;
  tok::CacheType cache;
  int64_t heads;
};

} // namespace tokopt::cpu

#endif // TOKOPT_KERNELS_CPU_ATTENTIONCOST_H
