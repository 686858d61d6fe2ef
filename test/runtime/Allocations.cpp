//===- Allocations.cpp - The test's own memory ----------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Allocations.h"

#include <atomic>
#include <cstdlib>
#include <new>

static std::atomic<uint64_t> allocations{0};
static std::atomic<int64_t> live{0};
static thread_local uint64_t goodLeft = UINT64_MAX;

uint64_t allocationCount() { return allocations; }
int64_t liveAllocations() { return live; }

FailingAllocations::FailingAllocations(uint64_t good) { goodLeft = good; }
FailingAllocations::~FailingAllocations() { goodLeft = UINT64_MAX; }

static void *allocate(size_t size) noexcept {
  if (goodLeft == 0)
    return nullptr;
  if (goodLeft != UINT64_MAX)
    --goodLeft;
  void *memory = malloc(size ? size : 1);
  if (!memory)
    return nullptr;
  ++allocations;
  ++live;
  return memory;
}

static void release(void *memory) noexcept {
  if (memory)
    --live;
  free(memory);
}

// All forms, because a sanitizer brings its own of each.
void *operator new(size_t size) {
  if (void *memory = allocate(size))
    return memory;
  throw std::bad_alloc();
}
void *operator new[](size_t size) { return operator new(size); }
void *operator new(size_t size, const std::nothrow_t &) noexcept {
  return allocate(size);
}
void *operator new[](size_t size, const std::nothrow_t &) noexcept {
  return allocate(size);
}
void operator delete(void *memory) noexcept { release(memory); }
void operator delete[](void *memory) noexcept { release(memory); }
void operator delete(void *memory, size_t) noexcept { release(memory); }
void operator delete[](void *memory, size_t) noexcept { release(memory); }
