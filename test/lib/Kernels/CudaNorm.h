//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_TEST_LIB_KERNELS_CUDANORM_H
#define TOKOPT_TEST_LIB_KERNELS_CUDANORM_H

#include "test/lib/Kernels/CudaTest.h"

namespace tokopt::test {

inline constexpr double kNormEpsilon = 1e-5;

/// s = x + r; n = s / sqrt(mean s^2 + eps) * w, the sum written in place of x.
/// If the mean is weighted, w s^2 takes the place of s^2, so that sums read
/// weights too.
std::string residualNorm(int64_t columns, const char *in, const char *out,
                         bool isWeighted = false);

/// n = x / sqrt(mean x^2 + eps) * w of each head of `size` columns, or the same
/// of w x^2.
std::string headNorm(int64_t columns, int64_t size, const char *in,
                     bool isWeighted = false);

} // namespace tokopt::test

#endif // TOKOPT_TEST_LIB_KERNELS_CUDANORM_H
