//===- Expect.h - What the tests of the text library share ------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_TEXT_TEST_EXPECT_H_
#define TOKRT_TEXT_TEST_EXPECT_H_

#include "Failure.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <string>

namespace tokrt::text {

/// The message of the `Failure` that `body` throws; empty if it throws none.
template <typename Body>
std::string failureOf(Body &&body) {
  try {
    body();
  } catch (const Failure &failure) {
    return failure.message;
  }
  return "";
}

} // namespace tokrt::text

#endif // TOKRT_TEXT_TEST_EXPECT_H_
