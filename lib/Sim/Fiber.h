//===- Fiber.h - A thread of a block ----------------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_SIM_FIBER_H
#define TOKOPT_LIB_SIM_FIBER_H

#include "llvm/Support/Error.h"

#include <cstdint>

namespace tokopt::sim {

/// Bytes of a stack, the page that nobody may touch included.
inline constexpr uint64_t kStackBytes = 256 * 1024;

/// Stacks for the threads of a block, used by one block after the other.
class Stacks {
public:
  ~Stacks();
  /// Makes `count` stacks available.
  llvm::Error reserve(uint32_t count);
  /// The end of stack `number`, from where it grows down.
  char *top(uint32_t number) const {
    return base + (uint64_t(number) + 1) * kStackBytes;
  }

private:
  char *base = nullptr;
  uint32_t count = 0;
};

/// Where a fiber that `entry` starts in continues first. `entry` must not
/// return.
void *prepareFiber(char *stackTop, void (*entry)());

/// Continues at `to` and leaves in `from` where to continue here.
extern "C" void tokopt_sim_switch(void **from, void *to);

} // namespace tokopt::sim

#endif // TOKOPT_LIB_SIM_FIBER_H
