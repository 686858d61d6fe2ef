//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attention on tensor cores over pages in the simulator, with all checks on,
// against a softmax in double precision of the rounded queries.
//
//===----------------------------------------------------------------------===//

#include "test/lib/Kernels/CudaAttention.h"

#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace tokopt;
using namespace tokopt::test;

namespace {

// Tiles of rows end at 64 or 128, blocks of slots at 64. Groups of heads, heads
// of two sizes, windows within a block and across several, pages of two blocks.
const AttentionShape kShapes[] = {
    {.heads = 1, .group = 1, .type = "f16", .compute = "f16"},
    {.heads = 1,
     .group = 2,
     .keySize = 128,
     .valueSize = 128,
     .type = "f16",
     .compute = "f16",
     .scale = 0.0884f},
    {.heads = 2,
     .group = 1,
     .page = 128,
     .window = 70,
     .type = "f16",
     .stages = 3,
     .compute = "f16"},
    {.heads = 1,
     .group = 1,
     .keySize = 64,
     .valueSize = 128,
     .type = "bf16",
     .compute = "bf16"},
};

struct CudaPrefillTest : testing::TestWithParam<AttentionShape> {
  const AttentionShape &shape = GetParam();
  const CudaArchitecture &architecture = *findCudaArchitecture("sm_80");
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

TEST_P(CudaPrefillTest, EqualsSoftmax) {
  AttentionRun run(shape, architecture);
  ASSERT_EQ(run.problem(), "");
  // A prompt whose last tile is not full; a chunk of one that ends where a page
  // does; rows of one token, of none, and a chunk within a tile.
  for (const std::vector<StepRow> &step :
       {chunkOf(0, 0, 67), chunkOf(1, 126, 192),
        join(join(onesAt({0, -1}, 2), chunkOf(4, 60, 70)), onesAt({130}, 5))})
    run.expectSoftmax(step, run.attend(step));
}

/// A row's bits are its own: not of its place in a tile, the rows beside it,
/// the size of the chunk, or the order of blocks and threads.
TEST_P(CudaPrefillTest, KeepsBitsInAnyCompany) {
  AttentionRun run(shape, architecture);
  ASSERT_EQ(run.problem(), "");
  std::vector<float> whole = run.attend(chunkOf(0, 60, 195));
  size_t columns = whole.size() / 135;
  size_t begin = 0;
  for (size_t size : {1, 63, 70, 1}) {
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

/// The main loop reads keys and values by 16 bytes a lane and no sector twice,
/// no two lanes want one bank of shared memory, and nothing is multiplied that
/// no row sees.
TEST_P(CudaPrefillTest, DoesWhatItNeedsOnce) {
  AttentionRun run(shape, architecture);
  ASSERT_EQ(run.problem(), "");
  std::vector<float> out;
  std::string left;
  const std::vector<StepRow> step = chunkOf(0, 64, 256);
  llvm::Expected<sim::Result> result = run.run(step, 1, /*seed=*/0, out, left);
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  EXPECT_EQ(run.findNeedlessWork(step, result->statistics), "");
  for (const sim::AccessCount &count : result->statistics.counts) {
    std::string line;
    llvm::raw_string_ostream stream(line);
    sim::print(stream, count);
    bool isCopy = count.what.find("cp.async") == 0;
    // What is read once, such as the queries, is not of the main loop.
    if (count.isShared || isCopy) {
      EXPECT_EQ(count.units, count.fewest) << line;
    }
  }
}

TEST_P(CudaPrefillTest, Assembles) {
  AttentionRun run(shape, architecture);
  ASSERT_EQ(run.problem(), "");
  expectAssembles(run.code(), architecture);
}

INSTANTIATE_TEST_SUITE_P(Shapes, CudaPrefillTest, testing::ValuesIn(kShapes),
                         [](const auto &info) { return info.param.name(); });

/// Tiles of any size, and any number of stages, give the same bits.
TEST(CudaPrefill, KeepsBitsInAnyTile) {
  const CudaArchitecture &architecture = *findCudaArchitecture("sm_80");
  AttentionShape small{.type = "f16", .compute = "f16"}, large = small;
  large.rowTile = 128;
  large.stages = 3;
  AttentionRun one(small, architecture), other(large, architecture);
  ASSERT_EQ(one.problem() + other.problem(), "");
  std::vector<StepRow> step = chunkOf(0, 0, 150);
  EXPECT_EQ(one.attend(step), other.attend(step));
}

/// Every combination that makes other code, over rows at every kind of
/// boundary. scripts/soak runs it.
TEST(CudaPrefill, DISABLED_HoldsForAllShapes) {
  std::vector<AttentionShape> shapes;
  for (int64_t window : {0, 1, 64, 65, 200})
    for (auto [keySize, valueSize] :
         {std::pair(64, 64), std::pair(128, 128), std::pair(128, 64)})
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
    const CudaArchitecture &architecture = *findCudaArchitecture("sm_80");
    AttentionRun run(shape, architecture);
    ASSERT_EQ(run.problem(), "");
    expectAssembles(run.code(), architecture);
    for (const std::vector<StepRow> &step : steps)
      run.expectSoftmax(step, run.attend(step, 1, /*seed=*/step.size()));
  }
  llvm::outs() << "ok " << shapes.size() << " shapes of prefill hold over "
               << steps.size() << " steps\n";
  llvm::outs().flush();
}

std::string problemOf(const AttentionShape &shape) {
  return AttentionRun(shape, *findCudaArchitecture("sm_80")).problem();
}

TEST(CudaPrefill, SaysWhatItCannotServe) {
  using testing::HasSubstr;
  EXPECT_THAT(problemOf({.type = "f32", .compute = "f16"}),
              HasSubstr("computes in 'f16' and expects a cache of it, but got "
                        "keys of 'f32' and values of 'f32'"));
  EXPECT_THAT(problemOf({.keySize = 96, .type = "f16", .compute = "f16"}),
              HasSubstr("expects heads of keys of 64 or 128 to compute in "
                        "'f16', but got 96"));
  EXPECT_THAT(problemOf({.valueSize = 256, .type = "f16", .compute = "f16"}),
              HasSubstr("expects heads of values of 64 or 128"));
  EXPECT_THAT(
      problemOf({.type = "f16", .compute = "f16", .scale = -1}),
      HasSubstr("expects a scale from 1e-9 to 1e9 to compute in 'f16'"));
  EXPECT_THAT(problemOf({.type = "f16", .warps = 4, .compute = "f16"}),
              HasSubstr("has the knob 'warps', but only what computes in f32 "
                        "has it"));
  EXPECT_THAT(problemOf({.type = "f16", .stages = 2}),
              HasSubstr("has the knob 'stages', but only what computes in f16 "
                        "or bf16 has it"));
  EXPECT_THAT(
      problemOf({.type = "f16", .rowTile = 96, .compute = "f16"}),
      HasSubstr("expects the knob 'row_tile' to be 64 or 128 (an i64)"));
  EXPECT_THAT(problemOf({.type = "f16", .stages = 4, .compute = "f16"}),
              HasSubstr("expects the knob 'stages' to be 2 or 3 (an i64)"));
}

} // namespace
