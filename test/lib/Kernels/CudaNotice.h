//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels that mutations are tried on. Each returns what notices the fault that
// `edit` makes, or empty.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_TEST_LIB_KERNELS_CUDANOTICE_H
#define TOKOPT_TEST_LIB_KERNELS_CUDANOTICE_H

#include "test/lib/Kernels/CudaTest.h"

namespace tokopt::test {

/// Norms of single heads: lanes without columns, and blocks of which the last
/// has lanes without a head.
std::string noticeInHeadNorm(const KernelEdit &edit);

/// A gate whose rows are stored and rounded, several chunks a lane.
std::string noticeInGate(const KernelEdit &edit);

} // namespace tokopt::test

#endif // TOKOPT_TEST_LIB_KERNELS_CUDANOTICE_H
