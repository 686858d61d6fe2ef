//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rows that are rotated and written to a cache, in the simulator with all
// checks on, against scalar code. All of it is exact.
//
//===----------------------------------------------------------------------===//

#include "test/lib/Kernels/CudaAppend.h"

using namespace tokopt;
using namespace tokopt::test;

namespace {

// One head, heads that fill no warp together, rows longer than a block holds at
// once, heads of which a warp has two chunks a lane; all channels that rotate,
// and half of them; rows of the cache's type, and of another.
const Append kAppends[] = {
    {"f16", 3, 64, "k", "adjacent", 64},
    {"f16", 1, 128, "v", nullptr, 0},
    {"bf16", 2, 64, "k", "halves", 64},
    {"f32", 5, 24, "k", "adjacent", 16},
    {"i8", 3, 64, "k", "halves", 32},
    {"i8", 20, 128, "v", nullptr, 0},
    {"i8", 3, 256, "k", "halves", 256},
    {"i8", 9, 256, "v", nullptr, 0},
    {"i8", 2, 512, "v", nullptr, 0},
    {"i8", 3, 512, "v", nullptr, 0, "f16"},
    {"f16", 3, 64, "k", "halves", 64, "f16"},
    {"bf16", 3, 64, "v", nullptr, 0, "bf16"},
};

struct CudaAppendTest : testing::TestWithParam<Append> {
  const Append &append = GetParam();
};

TEST_P(CudaAppendTest, WritesItsSlotsAndNothingElse) {
  AppendRun run(append, *findCudaArchitecture("sm_80"));
  ASSERT_EQ(run.problem(), "");
  llvm::Expected<sim::Result> result = run.run();
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  expectNoReports(*result);
  EXPECT_EQ(run.findDifference(), "");
  // Neighbours read and write neighbours; scales of heads lie apart.
  for (const sim::AccessCount &count : result->statistics.counts) {
    if (count.units == count.fewest ||
        (count.what == "store of 4 bytes" &&
         static_cast<int64_t>(count.bytes) ==
             4 * AppendRun::kRows * append.heads))
      continue;
    // A vector that is only converted is taken apart by LLVM; the backend puts
    // it together again.
    EXPECT_EQ(count.what, "load of 4 bytes")
        << count.location << ": " << count.units << " sectors, but "
        << count.fewest << " would do";
    EXPECT_FALSE(append.pairs || append.in != std::string("f32"));
    EXPECT_THAT(run.code().ptx, testing::HasSubstr("ld.global.v4.b32"));
  }
}

TEST_P(CudaAppendTest, Assembles) {
  for (const CudaArchitecture &each : getCudaArchitectures()) {
    AppendRun run(append, each);
    ASSERT_EQ(run.problem(), "");
    expectAssembles(run.code(), each);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, CudaAppendTest, testing::ValuesIn(kAppends),
                         [](const auto &info) { return info.param.name(); });

std::string problemOf(const Append &append) {
  return AppendRun(append, *findCudaArchitecture("sm_80")).problem();
}

TEST(CudaAppend, SaysWhatItCannotServe) {
  using testing::HasSubstr;
  EXPECT_THAT(problemOf({"f16", 1, 20, "v", nullptr, 0, "f16"}),
              HasSubstr("expects heads of a cache of a multiple of 8, but got "
                        "20"));
  EXPECT_THAT(problemOf({"f16", 1, 18, "v", nullptr, 0}),
              HasSubstr("expects heads of a cache of a multiple of 4, but got "
                        "18"));
  for (int64_t size : {96, 1024})
    EXPECT_THAT(problemOf({"i8", 1, size, "v", nullptr, 0}),
                HasSubstr("expects heads that are rounded to bytes to be 4, 8, "
                          "16, ... or 512 wide, but got " +
                          std::to_string(size)));
  EXPECT_THAT(problemOf({"f16", 1, 64, "k", "halves", 20}),
              HasSubstr("expects halves of a multiple of 4 of the kernel's "
                        "inputs in a CUDA kernel, but got 10"));
}

} // namespace
