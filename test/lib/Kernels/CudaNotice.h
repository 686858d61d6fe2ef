//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels that mutations are tried on, and what tests say of them with the
// fault that `edit` makes.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_TEST_LIB_KERNELS_CUDANOTICE_H
#define TOKOPT_TEST_LIB_KERNELS_CUDANOTICE_H

#include "test/lib/Kernels/CudaTest.h"

namespace tokopt::test {

/// What tests say of a kernel.
struct Notice {
  Notice(std::string text) : text(std::move(text)) {}
  Notice(const char *text) : text(text) {}
  /// A kernel that is not compiled or not launched has not been tested.
  static Notice ofUntested(std::string why) {
    Notice notice(std::move(why));
    notice.isTested = false;
    return notice;
  }

  bool isSilent() const { return isTested && text.empty(); }

  /// What has been noticed, or why nothing could be.
  std::string text;
  bool isTested = true;
};

/// Norms of single heads: lanes without columns, and blocks of which the last
/// has lanes without a head.
Notice noticeInHeadNorm(const KernelEdit &edit);

/// A gate whose rows are stored and rounded, several chunks a lane.
Notice noticeInGate(const KernelEdit &edit);

/// Keys that rotate and are written to a cache of f16, heads that end within a
/// warp; of i8, heads of which a warp has two chunks a lane.
Notice noticeInAppend(const KernelEdit &edit);
Notice noticeInRoundedAppend(const KernelEdit &edit);

} // namespace tokopt::test

#endif // TOKOPT_TEST_LIB_KERNELS_CUDANOTICE_H
