//===- Pools.cpp - Registers that warpgroups hand to each other -----------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "setmaxnreg". What the code of a warpgroup needs is known to ptxas
// alone; here it counts whether what is asked for will ever be there.
//
//===----------------------------------------------------------------------===//

#include "lib/Sim/Machine.h"

using namespace llvm;
using namespace tokopt::sim;

/// Registers of a multiprocessor, those of a thread, and by how many these are
/// given out (CUDA programming guide, "Compute Capabilities").
static constexpr uint32_t kRegisters = 65536, kMostRegisters = 256,
                          kRegisterUnit = 8;

/// As many as are left for each thread of as many blocks as a multiprocessor
/// has, whose warps are dealt out to its four parts, but no more than the
/// kernel ever asks for (as seen of ptxas 13.0).
uint32_t Machine::firstRegisters() const {
  constexpr uint32_t kParts = 4;
  if (!program.residents)
    return 0;
  uint32_t resident = warps.size() * program.residents;
  uint32_t share = std::min(
      kRegisters / (divideCeil(resident, kParts) * kParts * kWarpThreads),
      kMostRegisters);
  return std::min(share / kRegisterUnit * kRegisterUnit, program.mostRegisters);
}

void Machine::dealOutRegisters() {
  for (auto [number, warpgroup] : enumerate(warpgroups)) {
    uint32_t lacking =
        (warpgroup.claimed - warpgroup.registers) * kWarpgroupThreads;
    if (!warpgroup.claimed || lacking > pool)
      continue;
    pool -= lacking;
    warpgroup.registers = std::exchange(warpgroup.claimed, 0);
    for (uint32_t t = 0; t < kWarpgroupThreads; ++t) {
      Thread &thread = threads[number * kWarpgroupThreads + t];
      if (thread.state == State::AtPool)
        thread.state = State::Ready;
    }
  }
}

void Machine::changeRegisters(uint32_t number, uint32_t site) {
  Warpgroup &warpgroup = warpgroups[number];
  uint32_t first = number * kWarpgroupThreads;
  uint32_t count = threads[first].operands[0];
  bool isRelease =
      program.sites[site].operation.opcode == Opcode::ReleaseRegisters;
  if (!warpgroup.registers)
    return report("bad register count", site, running,
                  "has no effect: ptxas does not know with how many registers "
                  "a thread begins, for 'blocks' of tok.launch does not say "
                  "how many blocks a multiprocessor has");
  if (isRelease ? count > warpgroup.registers : count < warpgroup.registers) {
    report("bad register count", site, running,
           (isRelease ? "leaves " : "asks for ") + Twine(count) +
               " registers, but a thread has " + Twine(warpgroup.registers));
    abandon();
  }
  // All must know that all have come to the last one.
  for (uint32_t i = first; i < first + kWarpgroupThreads; ++i) {
    Clock &clock = threads[i].view.clock;
    for (uint32_t t = 0; t < warpgroup.changed.size(); ++t)
      if (clock[first + t] < warpgroup.changed[t]) {
        report("bad register count", site, i,
               "comes after another one, and the warps of the warpgroup have "
               "not met in between");
        abandon();
      }
  }
  warpgroup.changed.clear();
  for (uint32_t i = first; i < first + kWarpgroupThreads; ++i)
    warpgroup.changed.push_back(++threads[i].view.clock[i]);
  if (isRelease) {
    pool += (warpgroup.registers - count) * kWarpgroupThreads;
    warpgroup.registers = count;
  } else {
    warpgroup.claimed = count;
  }
  dealOutRegisters();
}
