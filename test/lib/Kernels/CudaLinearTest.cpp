//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Linears over packed weights on tensor cores, with all checks of the simulator
// on: the loader against the definition of each format, results against sums
// in double precision.
//
//===----------------------------------------------------------------------===//

#include "test/lib/Kernels/CudaLinear.h"
#include "lib/Kernels/Cuda/PackedTile.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/Support/raw_ostream.h"

using namespace tokopt;
using namespace tokopt::cuda;
using namespace tokopt::test;

namespace {

const CudaArchitecture &architecture() {
  return *findCudaArchitecture("sm_80");
}

//===----------------------------------------------------------------------===//
// The loader
//===----------------------------------------------------------------------===//

constexpr const char *kPackedFormats[] = {"q4_0", "q4_1", "q5_0",
                                          "q8_0", "q4_k", "q6_k"};

const kernels::Codec &codecOf(const char *format, mlir::MLIRContext *context) {
  mlir::Type type = mlir::parseType(findBlockFormat(format).type, context);
  return *kernels::findCodec(type);
}

/// Emits y[part][output][column] = each weight of a tile as the loader gives
/// it, and z the same as the codec's scalar definition does. A block takes two
/// panels of `columns` columns.
void emitDecoders(mlir::func::FuncOp function, const char *format,
                  int64_t columns, int64_t panelCount) {
  cuda::Emitter e(function, machineOf(architecture()), kWarp);
  const kernels::Codec &codec = codecOf(format, function.getContext());
  auto &entry = function.getBody().front();
  PackedTile tile(codec);
  int64_t stride = columns / codec.blockColumns() * codec.panelBytes();
  Val first = e.block() * PackedTile::kPanels;
  auto wide = [&](Val number) {
    return e.convert(number, e.i64(), /*isUnsigned=*/true);
  };
  Val panels = e.offset(e.wrap(entry.getArgument(0)), wide(first) * stride);
  int64_t blockBytes = 4 * PackedTile::kOutputs * columns;
  Val y = e.offset(e.wrap(entry.getArgument(1)), wide(e.block()) * blockBytes),
      z = e.offset(e.wrap(entry.getArgument(2)), wide(e.block()) * blockBytes);
  auto storeAt = [&](Val base, Val output, Val column, Val value) {
    e.store(value, e.offset(base, (output * columns + column) * 4));
  };
  Val g = e.divide(e.lane(), e.i32(4)), t = e.remainder(e.lane(), e.i32(4));
  int64_t tiles = llvm::divideCeil(columns, PackedTile::kColumns);
  PackedTile::Source source{panels, stride, e.i32(panelCount) - first,
                            columns / PackedTile::kGroupColumns};
  Val stage = e.shared(tile.bytes());
  for (int64_t number = 0; number < tiles; ++number) {
    e.warpBarrier();
    tile.copy(e, source, e.i32(number), stage);
    e.commitCopies();
    e.waitForCopies(0);
    e.warpBarrier();
    for (int64_t i = 0; i < PackedTile::kGroups; ++i) {
      int64_t begin =
          number * PackedTile::kColumns + i * PackedTile::kGroupColumns;
      // Zeros stand for groups that do not exist.
      if (begin >= columns)
        continue;
      PackedTile::Group group = tile.read(e, {stage}, i);
      for (int64_t product = 0; product < PackedTile::kProducts; ++product)
        for (int64_t step = 0; step < PackedTile::kSteps; ++step)
          for (int64_t pair = 0; pair < 4; ++pair)
            for (int64_t half = 0; half < 2; ++half) {
              int64_t row = 2 * product + pair % 2;
              Val two = e.bitcast(group.left[product][step].pairs[pair],
                                  e.vec(2, e.f16()));
              Val q = e.convert(e.extract(two, half), e.f32());
              Val scale = e.extract(group.scales[step], row);
              Val weight = group.offset.value
                               ? e.fma(q, scale, e.extract(group.offset, row))
                               : q * scale;
              // Pairs are columns 0 and 2, then 1 and 3 of four.
              storeAt(y, g * 4 + row,
                      t * 4 + (begin + 16 * step + pair / 2 + 2 * half),
                      weight);
            }
      int64_t at = begin / codec.blockColumns() * codec.panelBytes();
      int64_t inBlock = begin % codec.blockColumns() / codec.groupColumns();
      Val panel = e.divide(e.lane(), e.i32(kernels::kPanelRows)),
          row = e.remainder(e.lane(), e.i32(kernels::kPanelRows));
      e.when(e.less(panel, source.panelCount), [&] {
        Val block = e.offset(e.offset(panels, wide(panel) * stride), at);
        kernels::GroupRef ref(
            block,
            e.offset(block, codec.groupOffset() + inBlock * codec.groupBytes()),
            /*firstRow=*/0, /*lanes=*/1, row);
        for (int64_t k = 0; k < codec.groupColumns(); ++k)
          storeAt(z, e.lane(), e.i32(begin + k), codec.decode(e, ref, k));
      });
    }
  }
  e.finish({});
}

/// Compares the values of a model file, of the codec's scalar decoding and of
/// the loader. Each nibble of a block takes all its values at every place of a
/// tile that a lane has, each byte 16 a turn.
void expectDefinedValues(const char *name, int64_t turns) {
  const BlockFormat &format = findBlockFormat(name);
  // Half a block of 256 and a whole one; of blocks of 32, a tile that is not
  // full. An odd number of panels.
  int64_t columns = format.block == 256 ? 256 : 160;
  constexpr int64_t kBlocks = 17, kPanelCount = 2 * kBlocks - 1,
                    kOutputs = 16 * kPanelCount;
  CudaKernelUnderTest test(3, architecture(), [&](mlir::func::FuncOp function) {
    function.getContext()->loadDialect<tok::TokDialect>();
    emitDecoders(function, name, columns, kPanelCount);
  });
  ASSERT_EQ(test.problem(), "");
  std::mt19937 random(11);
  Matrix w = makeMatrix(format, kOutputs, columns, [&] { return random(); });
  std::vector<uint8_t> first = packMatrixOf(w);
  uint8_t *weights = llvm::cantFail(
      test.simulator().addBuffer("w", first.size(), /*isWritten=*/true));
  uint64_t bytes = 4 * kBlocks * PackedTile::kOutputs * columns;
  uint8_t *y = llvm::cantFail(test.simulator().addBuffer("y", bytes, false)),
          *z = llvm::cantFail(test.simulator().addBuffer("z", bytes, false));
  // The rows of all panels at one place of a tile have other bytes.
  for (int64_t turn = 0; turn < turns; ++turn) {
    for (int64_t row = 0; row < kOutputs; ++row)
      for (int64_t block = 0; block < columns / format.block; ++block) {
        uint8_t *data = w.getBlock(row, block);
        for (int64_t i = 0; i < format.bytes; ++i)
          if (!llvm::any_of(format.halves, [&](int64_t place) {
                return i == place || i == place + 1;
              }))
            data[i] =
                17 * (row / 32) + turn + 37 * i + 11 * (row % 32) + 101 * block;
      }
    std::vector<uint8_t> packed = packMatrixOf(w);
    std::memcpy(weights, packed.data(), packed.size());
    test.run(kBlocks,
             {reinterpret_cast<uint64_t>(weights),
              reinterpret_cast<uint64_t>(y), reinterpret_cast<uint64_t>(z)});
    for (int64_t n = 0; n < kOutputs; ++n)
      for (int64_t k = 0; k < columns; ++k) {
        float loaded, defined;
        std::memcpy(&loaded, y + 4 * (n * columns + k), 4);
        std::memcpy(&defined, z + 4 * (n * columns + k), 4);
        ASSERT_EQ(loaded, defined) << "row " << n << ", column " << k;
        Decoded value = w.at(n, k);
        ASSERT_NEAR(loaded, value.value, 2e-7 * value.magnitude)
            << "row " << n << ", column " << k;
      }
  }
}

struct CudaPackedTest : testing::TestWithParam<const char *> {};

TEST_P(CudaPackedTest, LoadsWhatTheFormatDefines) {
  expectDefinedValues(GetParam(), /*turns=*/1);
}

/// All values of each byte. scripts/soak runs it.
TEST(CudaPacked, DISABLED_LoadsEveryByte) {
  for (const char *format : kPackedFormats) {
    SCOPED_TRACE(format);
    expectDefinedValues(format, /*turns=*/16);
  }
  llvm::outs() << "ok every byte of " << std::size(kPackedFormats)
               << " formats is loaded as it is defined\n";
  llvm::outs().flush();
}

INSTANTIATE_TEST_SUITE_P(Formats, CudaPackedTest,
                         testing::ValuesIn(kPackedFormats),
                         [](const auto &info) {
                           return std::string(info.param);
                         });

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

// One panel, an odd number of them, a part of one; one warp, several with tails
// of a tile and without, tiles fewer than warps. Then matrices: columns that
// are no whole chunks, panels that are none of the block's, each tile of rows.
const LinearShape kShapes[] = {
    {.format = "q8_0", .outputs = 16, .columns = 32},
    {.format = "q4_1",
     .outputs = 40,
     .columns = 416,
     .epilogue = Epilogue::BiasResidual},
    {.format = "q4_k", .outputs = 37, .columns = 768, .rowTile = 1},
    {.format = "q6_k",
     .outputs = 24,
     .columns = 512,
     .epilogue = Epilogue::Gated,
     .rowTile = 16,
     .stages = 2},
    {.format = "q4_0",
     .outputs = 32,
     .columns = 576,
     .rowTile = 2,
     .warps = 8,
     .stages = 3},
    {.format = "f16",
     .outputs = 150,
     .columns = 100,
     .epilogue = Epilogue::BiasResidual,
     .rowTile = 16},
    {.format = "f16",
     .outputs = 70,
     .columns = 200,
     .epilogue = Epilogue::Gated,
     .rowTile = 32,
     .stages = 2},
    {.format = "bf16",
     .outputs = 70,
     .columns = 712,
     .epilogue = Epilogue::Gated,
     .rowTile = 16,
     .compute = "bf16"},
    {.format = "bf16",
     .outputs = 24,
     .columns = 88,
     .rowTile = 64,
     .compute = "bf16"},
    {.format = "f16", .outputs = 128, .columns = 144},
};

struct CudaLinearTest : testing::TestWithParam<LinearShape> {
  const LinearShape &shape = GetParam();
};

TEST_P(CudaLinearTest, EqualsSums) {
  LinearRun run(shape, architecture());
  ASSERT_EQ(run.problem(), "");
  for (auto [begin, end] : {std::pair<int64_t, int64_t>{1, 1},
                            {0, 1},
                            {1, 9},
                            {2, 19},
                            {LinearRun::kRows - 17, LinearRun::kRows}}) {
    run.multiply(begin, end, /*seed=*/end);
    EXPECT_EQ(run.findDifference(begin, end), "");
  }
}

/// A row's bits are its own: not of the rows beside it, of its place in a tile,
/// of the size of tiles, or of the order of blocks and threads.
TEST_P(CudaLinearTest, KeepsBitsInAnyCompany) {
  LinearRun run(shape, architecture());
  LinearShape other = shape;
  other.rowTile = shape.isPacked() && shape.rowTile == 16 ? 4
                  : shape.rowTile == 16                   ? 64
                                                          : 16;
  other.stages = shape.stages == 2 ? 3 : 2;
  LinearRun otherRun(other, architecture());
  ASSERT_EQ(run.problem() + otherRun.problem(), "");
  constexpr int64_t kBegin = 2, kEnd = 13;
  run.multiply(kBegin, kEnd);
  std::vector<std::vector<uint8_t>> rows;
  for (int64_t r = kBegin; r < kEnd; ++r)
    rows.push_back(run.row(r));
  for (int64_t r : {kBegin + 6, kEnd - 1}) {
    run.multiply(r, r + 1, /*seed=*/r);
    EXPECT_EQ(run.row(r), rows[r - kBegin]) << "row " << r << " alone";
  }
  otherRun.multiply(kBegin + 3, kEnd, /*seed=*/5);
  for (int64_t r = kBegin + 3; r < kEnd; ++r)
    EXPECT_EQ(otherRun.row(r), rows[r - kBegin]) << "row " << r;
}

/// The main loop reads weights by 16 bytes a lane and each byte once, no two
/// lanes want one bank of shared memory, and nothing is multiplied but what the
/// shape asks for.
TEST_P(CudaLinearTest, DoesWhatItNeedsOnce) {
  LinearRun run(shape, architecture());
  ASSERT_EQ(run.problem(), "");
  std::string left;
  llvm::Expected<sim::Result> result = run.run(0, 1, /*seed=*/0, left);
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  uint64_t copied = 0;
  for (const sim::AccessCount &count : result->statistics.counts) {
    std::string line;
    llvm::raw_string_ostream stream(line);
    sim::print(stream, count);
    EXPECT_EQ(count.units, count.fewest) << line;
    if (!count.isShared && count.what.find("cp.async") == 0)
      copied += count.bytes;
  }
  const BlockFormat &format = findBlockFormat(shape.format);
  int64_t panels = llvm::divideCeil(shape.outputs, 16);
  uint64_t weights = 0;
  for (const Matrix &matrix : run.weights())
    weights += packMatrixOf(matrix).size();
  // A block of 256 columns is two tiles, which both read what its rows share.
  if (format.block == 256)
    weights += shape.matrices() * panels * shape.columns / 256 *
               (std::string(format.name) == "q4_k" ? 64 : 32);
  // An input is read once by a block, and again for another matrix where these
  // come one after the other.
  int64_t chunks = llvm::divideCeil(shape.columns, 8),
          turns = shape.isPacked() ? shape.matrices() : 1;
  EXPECT_EQ(copied, weights + shape.parts() * turns * chunks * 16);
  EXPECT_EQ(run.findNeedlessWork(/*rows=*/1, result->statistics), "");
}

TEST_P(CudaLinearTest, Assembles) {
  for (const CudaArchitecture &each : getCudaArchitectures()) {
    LinearRun run(shape, each);
    ASSERT_EQ(run.problem(), "");
    expectAssembles(run.code(), each);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, CudaLinearTest, testing::ValuesIn(kShapes),
                         [](const auto &info) { return info.param.name(); });

/// Every combination that makes other code, over rows that fill a tile, and do
/// not. scripts/soak runs it.
TEST(CudaLinear, DISABLED_HoldsForAllShapes) {
  std::vector<LinearShape> shapes;
  for (const char *format :
       {"q4_0", "q4_1", "q5_0", "q8_0", "q4_k", "q6_k", "f16", "bf16"})
    for (Epilogue epilogue :
         {Epilogue::None, Epilogue::BiasResidual, Epilogue::Gated})
      for (int64_t tile : {0, 1, 2, 3}) {
        // What has no influence on each other takes turns.
        auto turn = static_cast<int64_t>(shapes.size());
        int64_t block = findBlockFormat(format).block;
        LinearShape shape{.format = format,
                          .outputs = 17 + turn * 29 % 200,
                          .columns = block > 1 ? block * (1 + turn % 7)
                                               : 33 + turn % 9 * 37,
                          .epilogue = epilogue};
        bool isPacked = shape.isPacked();
        shape.rowTile = isPacked ? int64_t(1) << (tile ? tile + 1 : 0)
                                 : int64_t(16) << tile;
        shape.warps = isPacked && turn % 3 == 0 ? 1 << turn / 3 % 3 : 0;
        shape.stages = turn % 5 < 2 ? 2 + turn % 5 : 0;
        shape.compute = format == llvm::StringRef("bf16") ? "bf16" : "f16";
        shapes.push_back(shape);
      }
  for (const LinearShape &shape : shapes) {
    SCOPED_TRACE(shape.name());
    for (const CudaArchitecture &each : getCudaArchitectures()) {
      LinearRun run(shape, each);
      ASSERT_EQ(run.problem(), "");
      expectAssembles(run.code(), each);
      // But for the stages, the IR of the architectures is the same.
      if (&each == getCudaArchitectures().data())
        for (int64_t rows : {1, 8, 33}) {
          constexpr int64_t kEnd = LinearRun::kRows;
          run.multiply(kEnd - rows, kEnd, /*seed=*/rows);
          EXPECT_EQ(run.findDifference(kEnd - rows, kEnd), "");
        }
    }
  }
  llvm::outs() << "ok " << shapes.size() << " shapes of linears hold\n";
  llvm::outs().flush();
}

std::string problemOf(const LinearShape &shape) {
  return LinearRun(shape, architecture()).problem();
}

TEST(CudaLinear, SaysWhatItCannotServe) {
  using testing::HasSubstr;
  EXPECT_THAT(
      problemOf(
          {.format = "q8_0", .outputs = 16, .columns = 32, .compute = "f32"}),
      HasSubstr("computes in f32, which has no CUDA template: expects "
                "compute = f16"));
  EXPECT_THAT(
      problemOf(
          {.format = "q8_0", .outputs = 16, .columns = 32, .compute = "bf16"}),
      HasSubstr("computes with weights of '!tok.q8_0' in bf16, which "
                "has no CUDA template: expects compute = f16"));
  EXPECT_THAT(
      problemOf(
          {.format = "f16", .outputs = 16, .columns = 32, .compute = "bf16"}),
      HasSubstr("computes with weights of 'f16' in 'bf16', which has "
                "no CUDA template: expects compute = 'f16'"));
  EXPECT_THAT(problemOf({.format = "bf16", .outputs = 16, .columns = 32}),
              HasSubstr("computes with weights of 'bf16' in 'f16', which has "
                        "no CUDA template: expects compute = 'bf16'"));
  EXPECT_THAT(problemOf({.format = "f32", .outputs = 16, .columns = 32}),
              HasSubstr("has weights of 'f32', which have no CUDA template"));
  EXPECT_THAT(
      problemOf({.format = "q8_0", .outputs = 16, .columns = 32, .rowTile = 3}),
      HasSubstr("expects the knob 'row_tile' to be 1, 2, 4, 8 or 16 with "
                "packed weights, 16, 32, 64 or 128 with others (an i64)"));
  EXPECT_THAT(
      problemOf({.format = "f16", .outputs = 16, .columns = 32, .rowTile = 8}),
      HasSubstr("expects the knob 'row_tile' to be"));
  EXPECT_THAT(
      problemOf({.format = "q8_0", .outputs = 16, .columns = 32, .warps = 16}),
      HasSubstr("expects the knob 'warps' to be 1, 2, 4 or 8, with packed "
                "weights (an i64)"));
  EXPECT_THAT(
      problemOf({.format = "f16", .outputs = 16, .columns = 32, .warps = 4}),
      HasSubstr("expects the knob 'warps' to be"));
  EXPECT_THAT(
      problemOf({.format = "q8_0", .outputs = 16, .columns = 32, .stages = 1}),
      HasSubstr("expects the knob 'stages' to be 2, 3 or 4, and up to 8 for 16 "
                "rows of f16 or bf16 (an i64)"));
  EXPECT_THAT(
      problemOf({.format = "q8_0", .outputs = 16, .columns = 32, .stages = 5}),
      HasSubstr("expects the knob 'stages' to be"));
  EXPECT_THAT(problemOf({.format = "f16",
                         .outputs = 16,
                         .columns = 32,
                         .rowTile = 32,
                         .stages = 5}),
              HasSubstr("expects the knob 'stages' to be"));
}

} // namespace
