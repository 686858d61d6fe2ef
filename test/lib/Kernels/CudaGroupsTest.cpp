//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Norms of single heads, made from the region of one row that sums groups, in
// the simulator with all checks on.
//
//===----------------------------------------------------------------------===//

#include "test/lib/Kernels/CudaNorm.h"

#include <cmath>

using namespace tokopt;
using namespace tokopt::test;

namespace {

struct Heads {
  int64_t heads, size;
  const char *in = "f32";

  int64_t columns() const { return heads * size; }
};

// One head; heads of half a warp and of a whole one; of lanes that have no
// columns; several chunks a lane; more heads than a block takes, and lanes that
// have no head.
const Heads kHeads[] = {{1, 64},  {3, 64},   {7, 16},         {5, 48},
                        {4, 256}, {20, 128}, {9, 128, "f16"}, {7, 16, "bf16"}};

struct CudaGroupsTest : testing::TestWithParam<Heads> {
  const Heads &heads = GetParam();
  const CudaArchitecture &architecture = *findCudaArchitecture("sm_80");

  /// A norm of heads with its buffers.
  struct Run {
    Run(const Heads &heads, const CudaArchitecture &architecture, int64_t rows)
        : heads(heads),
          test(headNorm(heads.columns(), heads.size, heads.in), architecture),
          x(test.simulator(), "x", rows, heads.columns(), semanticsOf(heads.in),
            true),
          y(test.simulator(), "y", rows, heads.columns(), false, false),
          w(test.simulator(), "w", 1, heads.size, false, true) {}

    llvm::Expected<sim::Result> launch(uint64_t begin, uint64_t end,
                                       uint32_t seed = 0) {
      sim::Launch launch;
      // More blocks than rows: a launch may serve any number up to its own.
      launch.grid[0] = end - begin + 1;
      launch.grid[1] = test.code().kernels.front().parts;
      launch.threads = test.kernel().threads;
      launch.sharedBytes = test.kernel().sharedBytes;
      sim::Options options;
      options.seed = seed;
      return test.simulator().run(
          launch, {0, begin, end, 0, w.address(), x.address(), y.address()},
          options);
    }

    const Heads &heads;
    CudaKernelUnderTest test;
    DeviceRows x, y, w;
  };
};

TEST_P(CudaGroupsTest, NormalizesEachHead) {
  constexpr int64_t kRows = 5, kBegin = 1, kEnd = 4;
  Run run(heads, architecture, kRows);
  ASSERT_EQ(run.test.problem(), "");
  std::mt19937 random(1);
  run.x.fill(random);
  run.w.fill(random, 1, 2);
  // Heads beside each other differ by far, and the first of a row is zeros.
  for (int64_t c = 0; c < heads.columns(); ++c)
    run.x.set(
        2, c,
        c < heads.size ? 0 : run.x.get(2, c) * (c / heads.size % 2 ? 100 : 1));
  llvm::Expected<sim::Result> result = run.launch(kBegin, kEnd);
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  expectNoReports(*result);
  for (int64_t row = 0; row < kRows; ++row) {
    if (row < kBegin || row >= kEnd) {
      EXPECT_TRUE(run.y.isUntouched(row)) << row;
      continue;
    }
    for (int64_t h = 0; h < heads.heads; ++h) {
      double squares = 0;
      for (int64_t d = 0; d < heads.size; ++d)
        squares += std::pow(run.x.get(row, h * heads.size + d), 2);
      double root = std::sqrt(squares / heads.size + kNormEpsilon);
      for (int64_t d = 0; d < heads.size; ++d) {
        double norm =
            run.x.get(row, h * heads.size + d) / root * run.w.get(0, d);
        ASSERT_NEAR(run.y.get(row, h * heads.size + d), norm,
                    1e-6 * std::fabs(norm))
            << "row " << row << ", head " << h << ", channel " << d;
      }
    }
  }
}

/// A head's bits do not depend on the heads and rows beside it.
TEST_P(CudaGroupsTest, KeepsBitsInAnyCompany) {
  constexpr int64_t kRows = 3;
  Run run(heads, architecture, kRows);
  ASSERT_EQ(run.test.problem(), "");
  std::mt19937 random(2);
  run.x.fill(random);
  run.w.fill(random, 1, 2);
  // The heads of the last row are those of the first, the other way round.
  for (int64_t c = 0; c < heads.columns(); ++c)
    run.x.set(2,
              (heads.heads - 1 - c / heads.size) * heads.size + c % heads.size,
              run.x.get(0, c));
  llvm::Expected<sim::Result> result = run.launch(0, kRows);
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  expectNoReports(*result);
  std::vector<double> first;
  for (int64_t c = 0; c < heads.columns(); ++c) {
    first.push_back(run.y.get(0, c));
    int64_t other =
        (heads.heads - 1 - c / heads.size) * heads.size + c % heads.size;
    EXPECT_EQ(first.back(), run.y.get(2, other)) << c;
  }
  llvm::Expected<sim::Result> alone = run.launch(0, 1, /*seed=*/5);
  ASSERT_TRUE(bool(alone)) << llvm::toString(alone.takeError());
  expectNoReports(*alone);
  for (int64_t c = 0; c < heads.columns(); ++c)
    EXPECT_EQ(first[c], run.y.get(0, c)) << c;
}

/// No sector is moved twice, and what lanes share stays in registers.
TEST_P(CudaGroupsTest, MovesWhatItNeedsOnce) {
  Run run(heads, architecture, 2);
  ASSERT_EQ(run.test.problem(), "");
  llvm::Expected<sim::Result> result = run.launch(0, 2);
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  for (const sim::AccessCount &count : result->statistics.counts) {
    EXPECT_FALSE(count.isShared && heads.heads > 1) << count.location;
    EXPECT_EQ(count.units, count.fewest)
        << count.location << ": " << count.what;
  }
}

TEST_P(CudaGroupsTest, Assembles) {
  for (const CudaArchitecture &each : getCudaArchitectures()) {
    CudaKernelUnderTest test(headNorm(heads.columns(), heads.size, heads.in),
                             each);
    ASSERT_EQ(test.problem(), "");
    expectAssembles(test.code(), each);
  }
}

INSTANTIATE_TEST_SUITE_P(Heads, CudaGroupsTest, testing::ValuesIn(kHeads),
                         [](const auto &info) {
                           return std::to_string(info.param.heads) + "x" +
                                  std::to_string(info.param.size) +
                                  info.param.in;
                         });

TEST(CudaGroups, SaysWhatItCannotSum) {
  EXPECT_THAT(CudaKernelUnderTest(headNorm(2112, 1056, "f32"),
                                  *findCudaArchitecture("sm_80"))
                  .problem(),
              testing::HasSubstr("has groups of 1056 columns, more than the "
                                 "1024 that a warp can hold"));
}

} // namespace
