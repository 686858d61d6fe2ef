//===- Agents.h - Who works while threads go on -----------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_SIM_AGENTS_H
#define TOKOPT_LIB_SIM_AGENTS_H

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tokopt::sim {

/// The entries of clocks behind those of threads: warpgroups, whose products go
/// on by themselves, then what copies boxes of tensors. An agent has the same
/// number in all blocks of a launch.
class Agents {
public:
  enum class Kind : uint8_t {
    CopiesOfBarrier,
    /// What a thread stores: has been read; has arrived.
    StoreReads,
    StoreWrites
  };

  /// A launch begins whose blocks have so many threads and warpgroups.
  void begin(uint32_t threads, uint32_t warpgroups);
  uint32_t ofWarpgroup(uint32_t number) const { return threads + number; }
  /// The agent of barrier or thread `number`.
  uint32_t find(Kind kind, uint32_t number);
  /// A thread or an agent in words.
  std::string describe(uint32_t number) const;

private:
  using Key = std::pair<Kind, uint32_t>;
  uint32_t threads = 0, warpgroups = 0;
  std::map<Key, uint32_t> numbers;
  std::vector<Key> keys;
};

} // namespace tokopt::sim

#endif // TOKOPT_LIB_SIM_AGENTS_H
