//===- Allocations.h - The test's own memory --------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `operator new` of a test program, and so of the runtime that is linked into
// it: counts, and fails when it is told to.
//
//===----------------------------------------------------------------------===//

#ifndef TEST_RUNTIME_ALLOCATIONS_H_
#define TEST_RUNTIME_ALLOCATIONS_H_

#include <cstdint>
#include <gtest/gtest.h>

#include "tokrt/tokrt.h"

/// Allocations since the program began, and those that live.
uint64_t allocationCount();
int64_t liveAllocations();

/// While it lives, this thread's allocations fail after the first `good`.
class FailingAllocations {
public:
  explicit FailingAllocations(uint64_t good);
  ~FailingAllocations();
};

/// Calls `attempt(error)` with one more good allocation each time, until it
/// succeeds, and `afterFailure()` after each that does not. Returns how many
/// failed. What is allocated for a failed attempt must be gone after it, but
/// for `mayStay` blocks.
template <typename Attempt, typename AfterFailure>
uint64_t failEachAllocation(Attempt &&attempt, AfterFailure &&afterFailure,
                            int64_t mayStay = 0) {
  for (uint64_t good = 0;; ++good) {
    tokrt_error_t error{};
    int64_t before = liveAllocations();
    tokrt_status_t status;
    {
      FailingAllocations failing(good);
      status = attempt(&error);
    }
    int64_t left = liveAllocations() - before;
    if (status == TOKRT_OK)
      return good;
    EXPECT_EQ(status, TOKRT_OUT_OF_MEMORY) << error.message;
    EXPECT_STRNE(error.message, "");
    EXPECT_LE(left, mayStay) << "after " << good;
    afterFailure();
    if (::testing::Test::HasFailure())
      return good;
  }
}

#endif // TEST_RUNTIME_ALLOCATIONS_H_
