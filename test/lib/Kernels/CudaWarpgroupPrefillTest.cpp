//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attention by products of warpgroups over pages in the simulator, with all
// checks on, against a softmax in double precision of the rounded queries. What
// nobody has appended to a page is not a number.
//
//===----------------------------------------------------------------------===//

#include "test/lib/Kernels/CudaAttention.h"

#include "llvm/Support/raw_ostream.h"

using namespace tokopt;
using namespace tokopt::test;

namespace {

const CudaArchitecture &architecture() {
  return *findCudaArchitecture("sm_90a");
}

// One warpgroup and two, groups of heads, heads of two sizes, a window, pages
// of two blocks.
const AttentionShape kShapes[] = {
    {.heads = 1,
     .group = 2,
     .type = "f16",
     .rowTile = 64,
     .stages = 2,
     .compute = "f16"},
    {.heads = 2,
     .group = 1,
     .keySize = 128,
     .valueSize = 128,
     .page = 128,
     .window = 70,
     .type = "bf16",
     .compute = "bf16",
     .scale = 0.0884f},
};

struct CudaWarpgroupPrefillTest : testing::TestWithParam<AttentionShape> {
  const AttentionShape &shape = GetParam();
};

std::vector<StepRow> join(std::vector<StepRow> a,
                          const std::vector<StepRow> &b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// The rows `begin` to `end` - 1 of some results.
std::vector<float> rowsOf(const std::vector<float> &results, size_t columns,
                          size_t begin, size_t end) {
  return {results.begin() + begin * columns, results.begin() + end * columns};
}

/// Rows of a prompt whose last tile is not full; of a chunk of one that ends
/// where a page does; of one token, of none, and a chunk within a tile.
TEST_P(CudaWarpgroupPrefillTest, EqualsSoftmax) {
  AttentionRun run(shape, architecture());
  ASSERT_EQ(run.problem(), "");
  for (const std::vector<StepRow> &step :
       {chunkOf(0, 0, 67), chunkOf(1, 126, 192),
        join(join(onesAt({0, -1}, 2), chunkOf(4, 60, 70)), onesAt({130}, 5))})
    run.expectSoftmax(step, run.attend(step));
}

/// A row's bits are its own: not of its place in a tile, the rows beside it,
/// the size of the chunk, or the order of blocks and threads.
TEST_P(CudaWarpgroupPrefillTest, KeepsBitsInAnyCompany) {
  AttentionRun run(shape, architecture());
  ASSERT_EQ(run.problem(), "");
  std::vector<float> whole = run.attend(chunkOf(0, 60, 195));
  size_t columns = whole.size() / 135;
  size_t begin = 0;
  for (size_t size : {1, 64, 70}) {
    std::vector<float> chunk =
        run.attend(chunkOf(0, 60 + begin, 60 + begin + size), 1, /*seed=*/size);
    EXPECT_EQ(rowsOf(whole, columns, begin, begin + size), chunk)
        << "rows " << begin << " to " << begin + size - 1;
    begin += size;
  }
  // Between rows of others, which see less and more.
  std::vector<float> mixed = run.attend(
      join(join(onesAt({3}, 1), chunkOf(0, 180, 190)), onesAt({300}, 2)), 1,
      /*seed=*/2);
  EXPECT_EQ(rowsOf(whole, columns, 120, 130), rowsOf(mixed, columns, 1, 11));
}

/// No two lanes want one bank of shared memory, boxes take whole sectors, and
/// nothing is multiplied that no row of a tile sees.
TEST_P(CudaWarpgroupPrefillTest, DoesWhatItNeedsOnce) {
  AttentionRun run(shape, architecture());
  ASSERT_EQ(run.problem(), "");
  std::vector<float> out;
  std::string left;
  int64_t tile = run.underTest().kernel().rows;
  constexpr int64_t kBegin = 64, kEnd = 320, kSlots = 64;
  llvm::Expected<sim::Result> result =
      run.run(chunkOf(0, kBegin, kEnd), 1, /*seed=*/0, out, left);
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  EXPECT_TRUE(result->reports.empty());
  for (const sim::AccessCount &count : result->statistics.counts) {
    std::string line;
    llvm::raw_string_ostream stream(line);
    sim::print(stream, count);
    if (count.isShared || count.what.find("cp.async") == 0) {
      EXPECT_EQ(count.units, count.fewest) << line;
    }
  }
  int64_t blocks = 0;
  for (int64_t begin = kBegin; begin < kEnd; begin += tile) {
    int64_t first =
        shape.window ? std::max<int64_t>(0, begin - shape.window + 1) : 0;
    blocks += (begin + tile - 1) / kSlots + 1 - first / kSlots;
  }
  // In products of 16 x 8 x 16.
  EXPECT_EQ(result->statistics.products,
            shape.queries() * blocks * tile * kSlots *
                (shape.keySize + shape.valueSize) / (16 * 8 * 16));
}

TEST_P(CudaWarpgroupPrefillTest, Assembles) {
  AttentionRun run(shape, architecture());
  ASSERT_EQ(run.problem(), "");
  expectAssembles(run.code(), architecture());
}

INSTANTIATE_TEST_SUITE_P(Shapes, CudaWarpgroupPrefillTest,
                         testing::ValuesIn(kShapes),
                         [](const auto &info) { return info.param.name(); });

/// Tiles of any size, and any number of stages, give the same bits.
TEST(CudaWarpgroupPrefill, KeepsBitsInAnyTile) {
  AttentionShape small{.type = "f16", .rowTile = 64, .compute = "f16"},
      large = small;
  large.rowTile = 128;
  large.stages = 2;
  AttentionRun one(small, architecture()), other(large, architecture());
  ASSERT_EQ(one.problem() + other.problem(), "");
  std::vector<StepRow> step = chunkOf(0, 0, 150);
  EXPECT_EQ(one.attend(step), other.attend(step));
}

/// Every combination that makes other code, over rows at every kind of
/// boundary. scripts/soak runs it.
TEST(CudaWarpgroupPrefill, DISABLED_HoldsForAllShapes) {
  std::vector<AttentionShape> shapes;
  for (int64_t window : {0, 1, 64, 65, 200})
    for (auto [keySize, valueSize] : {std::pair(64, 64), std::pair(128, 128),
                                      std::pair(128, 64), std::pair(64, 128)})
      for (int64_t rowTile : {64, 128}) {
        // What has no influence on each other takes turns.
        auto turn = static_cast<int64_t>(shapes.size());
        const char *type = turn / 2 % 2 ? "bf16" : "f16";
        shapes.push_back({.heads = 1 + turn / 3 % 2,
                          .group = 1 + turn % 3,
                          .keySize = keySize,
                          .valueSize = valueSize,
                          .page = turn % 5 < 3 ? 64 : 128,
                          .window = window,
                          .type = type,
                          .rowTile = rowTile,
                          .stages = 2 + turn % 7 % 2,
                          .compute = type});
      }
  const std::vector<std::vector<StepRow>> steps = {
      chunkOf(0, 0, 1),
      chunkOf(0, 0, 63),
      chunkOf(0, 1, 65),
      chunkOf(0, 62, 193),
      chunkOf(1, 500, 600),
      onesAt({-1}, 2),
      onesAt({0, 63, 64, -1, 65, 127, 128, 191, 192}),
      join(join(chunkOf(3, 0, 31), onesAt({-1}, 4)), chunkOf(5, 120, 160)),
  };
  for (const AttentionShape &shape : shapes) {
    SCOPED_TRACE(shape.name());
    AttentionRun run(shape, architecture());
    ASSERT_EQ(run.problem(), "");
    expectAssembles(run.code(), architecture());
    for (const std::vector<StepRow> &step : steps)
      run.expectSoftmax(step, run.attend(step, 1, /*seed=*/step.size()));
  }
  llvm::outs() << "ok " << shapes.size()
               << " shapes of prefill by warpgroups hold over " << steps.size()
               << " steps\n";
  llvm::outs().flush();
}

} // namespace
