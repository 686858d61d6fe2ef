//===- Counter.h - What accesses of a warp cost ----------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The lanes of a warp run one after the other here, but on the GPU an
// instruction of theirs is one request. What a lane does for the n-th time at a
// site since the lanes met last belongs to the n-th request there.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_SIM_COUNTER_H
#define TOKOPT_LIB_SIM_COUNTER_H

#include "lib/Sim/Program.h"
#include "tokopt/Sim.h"

#include <array>

namespace tokopt::sim {

/// Threads of a warp.
inline constexpr uint32_t kWarpThreads = 32;

class Counter {
public:
  /// A block with so many warps begins.
  void begin(uint32_t warps, size_t sites);
  void access(uint32_t thread, uint32_t site, uint64_t address, uint64_t bytes,
              bool isShared);
  /// A box of a tensor takes some bytes of global memory, or gives them, from
  /// each of these addresses on.
  void box(uint32_t site, llvm::ArrayRef<std::pair<uint64_t, uint64_t>> pieces);
  /// The lanes of `warp`, or of all warps, have met.
  void meet(uint32_t warp);
  void meetAll();
  /// The counts by line.
  std::vector<AccessCount> take(const std::vector<Site> &sites) const;

private:
  struct Request {
    uint32_t lanes = 0;
    std::array<uint64_t, kWarpThreads> addresses;
  };
  /// What the lanes of a warp did at a site since they met.
  struct Open {
    uint32_t bytes = 0;
    std::array<uint32_t, kWarpThreads> done = {};
    std::vector<Request> requests;
  };
  /// A copy touches both memories at one site, so each has places of its own:
  /// number 2 site for global memory and the next for shared memory.
  struct Warp {
    std::vector<Open> places;
    std::vector<uint32_t> touched;
  };

  /// Counts what is open at a place.
  void close(uint32_t place, Open &open);

  std::vector<Warp> warps;
  std::vector<AccessCount> counts;
};

} // namespace tokopt::sim

#endif // TOKOPT_LIB_SIM_COUNTER_H
