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
std::string residualNorm(int64_t columns, const char *in, const char *out);

} // namespace tokopt::test

#endif // TOKOPT_TEST_LIB_KERNELS_CUDANORM_H
