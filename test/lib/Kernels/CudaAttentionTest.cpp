//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Decode attention over pages in the simulator, with all checks on, against a
// softmax in double precision.
//
//===----------------------------------------------------------------------===//

#include "test/lib/Kernels/CudaAttention.h"

#include "llvm/Support/raw_ostream.h"

using namespace tokopt;
using namespace tokopt::test;

namespace {

// Blocks end at 64 slots, segments and their splits at 512. Key and value heads
// of one chunk too few for a power of two, pages of two blocks, groups that two
// blocks share, windows within a block and across segments.
const AttentionShape kShapes[] = {
    {.heads = 2, .group = 4, .keySize = 128, .valueSize = 128, .type = "f16"},
    {.heads = 1, .group = 3, .keySize = 64, .valueSize = 64, .type = "f16"},
    {.heads = 1,
     .group = 1,
     .keySize = 24,
     .valueSize = 40,
     .page = 128,
     .type = "f16",
     .warps = 2},
    {.heads = 1,
     .group = 6,
     .keySize = 96,
     .valueSize = 64,
     .window = 100,
     .type = "f16"},
    {.heads = 2,
     .group = 2,
     .keySize = 64,
     .valueSize = 32,
     .window = 513,
     .type = "f16",
     .warps = 8},
    {.heads = 1, .group = 2, .keySize = 64, .valueSize = 64, .type = "f32"},
    {.heads = 1, .group = 2, .keySize = 64, .valueSize = 64, .type = "bf16"},
    {.heads = 2, .group = 4, .keySize = 128, .valueSize = 128, .type = "i8"},
    {.heads = 1, .group = 3, .keySize = 48, .valueSize = 64, .type = "i8"},
};

struct CudaAttentionTest : testing::TestWithParam<AttentionShape> {
  const AttentionShape &shape = GetParam();
  const CudaArchitecture &architecture = *findCudaArchitecture("sm_80");
};

TEST_P(CudaAttentionTest, EqualsSoftmax) {
  AttentionRun run(shape, architecture);
  ASSERT_EQ(run.problem(), "");
  // Empty, one token, ends of blocks, pages and segments.
  const std::vector<StepRow> step =
      onesAt({-1, 0, 1, 62, 63, 64, 127, 511, 512, 575, 1099});
  for (int32_t splits : {1, 2, 3})
    run.expectSoftmax(step, run.attend(step, splits));
}

/// A row's bits are its own: not of those beside it, the number of splits, or
/// the order of blocks and threads.
TEST_P(CudaAttentionTest, KeepsBitsInAnyCompany) {
  AttentionRun run(shape, architecture);
  ASSERT_EQ(run.problem(), "");
  const std::vector<StepRow> step = onesAt({1099, 3, 700, -1, 511, 512});
  std::vector<float> together = run.attend(step, 1);
  EXPECT_EQ(together, run.attend(step, 2, /*seed=*/1));
  EXPECT_EQ(together, run.attend(step, 3, /*seed=*/5));
  size_t columns = together.size() / step.size();
  for (size_t row : {0u, 2u}) {
    std::vector<float> own(together.begin() + row * columns,
                           together.begin() + (row + 1) * columns);
    for (int32_t splits : {1, 2})
      EXPECT_EQ(own, run.attend({step[row]}, splits, /*seed=*/row + 1))
          << "row " << row << " in " << splits << " splits";
  }
}

/// The accesses to global memory that load, those that move most first.
std::vector<sim::AccessCount> loadsOf(const sim::Statistics &statistics) {
  std::vector<sim::AccessCount> loads;
  for (const sim::AccessCount &count : statistics.counts)
    if (!count.isShared && !count.what.rfind("load", 0))
      loads.push_back(count);
  llvm::sort(loads,
             [](const auto &a, const auto &b) { return a.bytes > b.bytes; });
  return loads;
}

/// The line of the template.
int64_t lineOf(const sim::AccessCount &count) {
  return std::stoll(count.location.substr(count.location.rfind(':') + 1));
}

/// Keys and values come by 16 bytes a lane, each sector of a slot once, and no
/// two lanes want one bank of shared memory.
TEST_P(CudaAttentionTest, ReadsWhatItNeedsOnce) {
  AttentionRun run(shape, architecture);
  ASSERT_EQ(run.problem(), "");
  std::vector<float> out;
  std::string left;
  llvm::Expected<sim::Result> result =
      run.run(onesAt({1099, 700}), /*splits=*/2, /*seed=*/0, out, left);
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  for (const sim::AccessCount &count : result->statistics.counts)
    if (count.isShared) {
      EXPECT_EQ(count.units, count.fewest) << count.location << count.what;
    }
  std::vector<sim::AccessCount> loads = loadsOf(result->statistics);
  ASSERT_GE(loads.size(), 2u);
  std::vector<sim::AccessCount> cached(loads.begin(), loads.begin() + 2);
  // The template loads keys and then values.
  if (lineOf(cached[0]) > lineOf(cached[1]))
    std::swap(cached[0], cached[1]);
  for (const sim::AccessCount &count : cached) {
    bool isKey = &count == &cached[0];
    EXPECT_EQ(count.what, "load of 16 bytes") << count.location;
    // A slot that ends in the middle of a sector shares it with one of another
    // request.
    uint64_t slotBytes = shape.slotBytes(isKey);
    uint64_t sectors = (slotBytes + 16) / 32;
    EXPECT_EQ(count.bytes % slotBytes, 0u) << count.location;
    EXPECT_LE(count.units, count.bytes / slotBytes * sectors) << count.location;
  }
  // Others are scales, a word a slot; queries and what finds a page.
  uint64_t bytes = 0, chunkBytes = 0;
  for (const sim::AccessCount &count : loads) {
    bytes += count.bytes;
    if (count.what == "load of 16 bytes")
      chunkBytes += count.bytes;
  }
  // In a window, what is read once weighs as much.
  if (!shape.window) {
    EXPECT_GE(chunkBytes * 10, bytes * 9);
  }
}

TEST_P(CudaAttentionTest, Assembles) {
  for (const CudaArchitecture &each : getCudaArchitectures()) {
    AttentionRun run(shape, each);
    ASSERT_EQ(run.problem(), "");
    expectAssembles(run.code(), each);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, CudaAttentionTest, testing::ValuesIn(kShapes),
                         [](const auto &info) { return info.param.name(); });

std::string problemOf(const AttentionShape &shape) {
  return AttentionRun(shape, *findCudaArchitecture("sm_80")).problem();
}

TEST(CudaAttention, SaysWhatItCannotServe) {
  using testing::HasSubstr;
  EXPECT_THAT(problemOf({.keySize = 20, .type = "f16"}),
              HasSubstr("expects heads of keys to be a multiple of 8 and at "
                        "most 256 x 'f16', but got 20"));
  EXPECT_THAT(problemOf({.valueSize = 512, .type = "f16"}),
              HasSubstr("expects heads of values to be a multiple of 8"));
  EXPECT_THAT(problemOf({.keySize = 16, .type = "f16", .warps = 8}),
              HasSubstr("expects heads of keys of at least 32 x 'f16' with 8 "
                        "warps, but got 16"));
  EXPECT_THAT(
      problemOf({.type = "f16", .warps = 3}),
      HasSubstr(
          "expects the knob 'warps' to be 2, 4 or 8 (an i64), but got 3"));
  EXPECT_THAT(
      problemOf({.group = 4, .type = "f16", .blockGroup = 3}),
      HasSubstr("expects the knob 'group' to be 1 to 8, a divisor of the "
                "query heads of a key/value head (an i64), but got 3"));
  EXPECT_THAT(
      problemOf({.type = "f16", .warps = -1}),
      HasSubstr(
          "expects the knob 'warps' to be 2, 4 or 8 (an i64), but got -1"));
}

} // namespace
