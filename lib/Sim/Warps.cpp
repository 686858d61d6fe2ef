//===- Warps.cpp - Lanes of a warp together -------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The last lane to come computes for all. A shuffle exchanges registers and
// orders no memory (PTX ISA, "shfl.sync"); `bar.warp.sync` does.
//
//===----------------------------------------------------------------------===//

#include "lib/Sim/Machine.h"

#include <cstring>

using namespace llvm;
using namespace tokopt::sim;

SmallVector<uint32_t, kWarpThreads> Machine::lanesOf(uint32_t warp,
                                                     uint32_t mask) const {
  SmallVector<uint32_t, kWarpThreads> lanes;
  for (uint32_t lane = 0; lane < kWarpThreads; ++lane)
    if (mask >> lane & 1)
      lanes.push_back(warp * kWarpThreads + lane);
  return lanes;
}

void Machine::meet(uint32_t mask, uint32_t site, const uint64_t *operands,
                   void *result) {
  uint32_t number = running / kWarpThreads, lane = running % kWarpThreads;
  Warp &warp = warps[number];
  Thread &thread = threads[running];
  thread.site = site;
  thread.operands = operands;
  thread.result = result;
  // A mask names lanes that exist; the last warp may be short.
  uint32_t lanes =
      std::min(launch.threads - number * kWarpThreads, kWarpThreads);
  if (lanes < kWarpThreads)
    mask &= (uint32_t(1) << lanes) - 1;
  if (!(mask >> lane & 1)) {
    report("bad member mask", site, running,
           "the lane is not in its own mask " + Twine::utohexstr(mask));
    abandon();
  }
  if (warp.arrived && (warp.site != site || warp.mask != mask)) {
    uint32_t other = number * kWarpThreads + llvm::countr_zero(warp.arrived);
    report("divergent collective", site, running,
           warp.site != site ? "other lanes of the warp wait elsewhere"
                             : "lanes of the warp give different masks",
           warp.site, "thread " + Twine(other) + " waits here");
    abandon();
  }
  warp.site = site;
  warp.mask = mask;
  warp.arrived |= uint32_t(1) << lane;
  if (warp.arrived != mask)
    return wait(State::InWarp);
  execute(number, mask, site);
  warp.arrived = 0;
  for (uint32_t other : lanesOf(number, mask))
    threads[other].state = State::Ready;
}

void Machine::meetWhole(uint32_t site, const uint64_t *operands, void *result) {
  if ((running | (kWarpThreads - 1)) >= launch.threads) {
    report("inactive lane", site, running,
           "needs all lanes of the warp, but the block ends within it");
    abandon();
  }
  meet(~uint32_t(0), site, operands, result);
}

void Machine::execute(uint32_t warp, uint32_t mask, uint32_t site) {
  ++result.statistics.collectives;
  counter.meet(warp);
  const Operation &operation = program.sites[site].operation;
  switch (operation.opcode) {
  case Opcode::WarpBarrier:
    return joinViews(warp, mask);
  case Opcode::Shuffle:
    return shuffle(warp, mask, site);
  case Opcode::LoadMatrix:
    return loadMatrices(warp, operation);
  case Opcode::MultiplyMatrix:
    ++result.statistics.products;
    return multiplyMatrices(warp, operation);
  default:
    return vote(warp, mask, operation);
  }
}

void Machine::joinViews(uint32_t warp, uint32_t mask) {
  View joined;
  for (uint32_t lane : lanesOf(warp, mask))
    joined.join(threads[lane].view);
  for (uint32_t lane : lanesOf(warp, mask)) {
    threads[lane].view = joined;
    ++threads[lane].view.clock[lane];
  }
}

/// Which lane a shuffle reads, and whether it is within the segment (PTX ISA,
/// "shfl.sync": `clamp` holds the segment's mask in bits 8 to 12 and the last
/// lane in bits 0 to 4).
static std::pair<uint32_t, bool> sourceLane(ShuffleKind kind, uint32_t lane,
                                            uint32_t operand, uint32_t clamp) {
  uint32_t segment = clamp >> 8 & 31, last = clamp & 31;
  uint32_t lowest = lane & segment, highest = lowest | (last & ~segment);
  operand &= 31;
  uint32_t source = lane;
  bool isInside = false;
  switch (kind) {
  case ShuffleKind::Xor:
    source = lane ^ operand;
    isInside = source <= highest;
    break;
  case ShuffleKind::Up: // there `last` is the first lane
    isInside = lane >= operand && lane - operand >= highest;
    source = lane - operand;
    break;
  case ShuffleKind::Down:
    source = lane + operand;
    isInside = source <= highest;
    break;
  case ShuffleKind::Index:
    source = lowest | (operand & ~segment);
    isInside = source <= highest;
    break;
  }
  return {isInside ? source : lane, isInside};
}

void Machine::shuffle(uint32_t warp, uint32_t mask, uint32_t site) {
  const Operation &operation = program.sites[site].operation;
  for (uint32_t thread : lanesOf(warp, mask)) {
    const uint64_t *operands = threads[thread].operands;
    auto [source, isInside] =
        sourceLane(static_cast<ShuffleKind>(operation.detail),
                   thread % kWarpThreads, operands[2], operands[3]);
    if (!(mask >> source & 1))
      report("inactive lane", site, thread,
             "reads lane " + Twine(source) + ", which is not in the mask");
    // A lane that does not take part has no operands, or those of some other
    // operation.
    uint32_t value = ~uint32_t(0);
    if (mask >> source & 1)
      value = static_cast<uint32_t>(
          threads[warp * kWarpThreads + source].operands[1]);
    std::memcpy(threads[thread].result, &value, sizeof value);
    if (operation.hasPredicate)
      static_cast<uint8_t *>(threads[thread].result)[4] = isInside;
  }
}

void Machine::vote(uint32_t warp, uint32_t mask, const Operation &operation) {
  uint32_t ballot = 0;
  for (uint32_t thread : lanesOf(warp, mask))
    ballot |= uint32_t(threads[thread].operands[1] & 1)
              << thread % kWarpThreads;
  uint32_t value = 0;
  switch (static_cast<VoteKind>(operation.detail)) {
  case VoteKind::All:
    value = ballot == mask;
    break;
  case VoteKind::Any:
    value = ballot != 0;
    break;
  case VoteKind::Uniform:
    value = ballot == mask || ballot == 0;
    break;
  case VoteKind::Ballot:
    value = ballot;
    break;
  }
  for (uint32_t thread : lanesOf(warp, mask))
    std::memcpy(
        threads[thread].result, &value,
        static_cast<VoteKind>(operation.detail) == VoteKind::Ballot ? 4 : 1);
}
