//===- Fiber.cpp - A thread of a block ------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// ucontext would save the signal mask, two system calls a switch; a simulated
// kernel switches some millions of times a second.
//
//===----------------------------------------------------------------------===//

#include "lib/Sim/Fiber.h"

#include <sys/mman.h>

using namespace tokopt::sim;

// The registers that a function must preserve go to the stack (System V ABI).
asm(R"(
.text
.globl tokopt_sim_switch
.type tokopt_sim_switch, @function
tokopt_sim_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size tokopt_sim_switch, .-tokopt_sim_switch
)");

Stacks::~Stacks() {
  if (base)
    munmap(base, count * kStackBytes);
}

llvm::Error Stacks::reserve(uint32_t wanted) {
  if (wanted <= count)
    return llvm::Error::success();
  if (base)
    munmap(base, count * kStackBytes);
  base = nullptr;
  count = 0;
  void *made = mmap(nullptr, wanted * kStackBytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (made == MAP_FAILED)
    return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                   "there is no memory for %u stacks", wanted);
  base = static_cast<char *>(made);
  count = wanted;
  // A thread that uses more than its stack faults instead of writing on that
  // of another.
  for (uint32_t i = 0; i < count; ++i)
    mprotect(base + i * kStackBytes, 4096, PROT_NONE);
  return llvm::Error::success();
}

void *tokopt::sim::prepareFiber(char *stackTop, void (*entry)()) {
  auto **top = reinterpret_cast<void **>(stackTop);
  // A return address that is never used keeps the stack aligned as a call
  // would.
  *--top = nullptr;
  *--top = reinterpret_cast<void *>(entry);
  for (int i = 0; i < 6; ++i)
    *--top = nullptr;
  return top;
}
