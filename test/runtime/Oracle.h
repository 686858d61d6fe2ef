//===- Oracle.h - What the fake model must say ------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEST_RUNTIME_ORACLE_H_
#define TEST_RUNTIME_ORACLE_H_

#include "tokrt/tokrt.h"

#include <cstdint>
#include <vector>

/// The value of the fake model's last layer at every position of `ids`.
std::vector<uint64_t> fakeRows(const std::vector<int32_t> &ids);

/// The `count` tokens that follow `prompt`.
std::vector<int32_t> expectedTokens(std::vector<int32_t> prompt, uint32_t count,
                                    const tokrt_sampling_t &sampling);

/// A prompt of the fake model's vocabulary that differs from those of other
/// seeds from its first token on.
std::vector<int32_t> makePrompt(uint32_t seed, size_t length);

#endif // TEST_RUNTIME_ORACLE_H_
