//===- Agents.cpp - Who works while threads go on -------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Sim/Agents.h"

using namespace tokopt::sim;

void Agents::begin(uint32_t threadCount, uint32_t warpgroupCount) {
  threads = threadCount;
  warpgroups = warpgroupCount;
  numbers.clear();
  keys.clear();
}

uint32_t Agents::find(Kind kind, uint32_t number) {
  auto [entry, isNew] = numbers.try_emplace({kind, number}, 0);
  if (isNew) {
    entry->second = threads + warpgroups + keys.size();
    keys.push_back(entry->first);
  }
  return entry->second;
}

std::string Agents::describe(uint32_t number) const {
  if (number < threads)
    return "thread " + std::to_string(number);
  if (number < threads + warpgroups)
    return "warpgroup " + std::to_string(number - threads);
  auto [kind, of] = keys.at(number - threads - warpgroups);
  return kind == Kind::CopiesOfBarrier
             ? "the copies of a barrier"
             : "the stores of thread " + std::to_string(of);
}
