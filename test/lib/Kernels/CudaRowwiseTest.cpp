//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// CUDA kernels made from the region of one row: a residual and a norm, with all
// checks of the simulator on.
//
//===----------------------------------------------------------------------===//

#include "test/lib/Kernels/CudaNorm.h"

#include "llvm/Support/MathExtras.h"

#include <cmath>
#include <map>

using namespace tokopt;
using namespace tokopt::test;

namespace {

struct Shape {
  int64_t columns;
  const char *in, *out;
};

std::ostream &operator<<(std::ostream &os, const Shape &shape) {
  return os << shape.columns << " columns of " << shape.in << " to "
            << shape.out;
}

/// What rounding to `type` may change, or `otherwise` for f32.
double unitOf(const char *type, double otherwise) {
  std::string name = type;
  return name == "f16" ? 1e-3 : name == "bf16" ? 4e-3 : otherwise;
}

/// Runs a norm, whose rows are neither the first nor the last of a buffer.
void expectNorms(const Shape &shape, const CudaArchitecture &architecture) {
  std::mt19937 random(1);
  constexpr int64_t kRows = 6, kBegin = 1, kEnd = 5;
  CudaKernelUnderTest test(residualNorm(shape.columns, shape.in, shape.out),
                           architecture);
  ASSERT_EQ(test.problem(), "");
  auto rows = [&](const char *name, const char *type, bool isWritten) {
    return DeviceRows(test.simulator(), name, kRows, shape.columns,
                      semanticsOf(type), isWritten);
  };
  DeviceRows x = rows("x", shape.in, true), r = rows("r", shape.in, true),
             y = rows("y", shape.out, false);
  DeviceRows w(test.simulator(), "w", 1, shape.columns, false, true);
  x.fill(random);
  r.fill(random);
  w.fill(random, -2, 2);
  for (int64_t c = 0; c < shape.columns; ++c) {
    x.set(kBegin, c, 0); // the norm of nothing
    r.set(kBegin, c, 0);
    r.set(kBegin + 1, c, c == shape.columns - 1 ? 1 : 0); // only the tail
    x.set(kBegin + 1, c, 0);
  }
  std::vector<std::vector<double>> sums(kRows);
  for (int64_t row = 0; row < kRows; ++row)
    for (int64_t c = 0; c < shape.columns; ++c)
      sums[row].push_back(x.get(row, c) + r.get(row, c));

  // More blocks than rows: a launch may serve any number up to its own.
  test.run(kEnd - kBegin + 2, {0, kBegin, kEnd, 0, w.address(), x.address(),
                               r.address(), x.address(), y.address()});
  double unit = unitOf(shape.out, 1e-6);
  for (int64_t row = 0; row < kRows; ++row) {
    if (row < kBegin || row >= kEnd) {
      EXPECT_TRUE(y.isUntouched(row)) << row;
      continue;
    }
    double squares = 0;
    for (double s : sums[row])
      squares += s * s;
    double root = std::sqrt(squares / shape.columns + kNormEpsilon);
    for (int64_t c = 0; c < y.stride; ++c) {
      double s = c < shape.columns ? sums[row][c] : 0;
      double norm = c < shape.columns ? s / root * w.get(0, c) : 0;
      ASSERT_NEAR(y.get(row, c), norm, unit * std::fabs(norm) + unit / 1e3)
          << "row " << row << ", column " << c;
      if (c < x.stride) {
        ASSERT_NEAR(x.get(row, c), s, unitOf(shape.in, 1e-7) * std::fabs(s))
            << "row " << row << ", column " << c;
      }
    }
  }
}

struct CudaRowwiseTest
    : testing::TestWithParam<std::tuple<CudaArchitecture, Shape>> {
  const CudaArchitecture &architecture = std::get<0>(GetParam());
  const Shape &shape = std::get<1>(GetParam());
  std::mt19937 random{1};
};

TEST_P(CudaRowwiseTest, AddsAndNormalizes) { expectNorms(shape, architecture); }

/// A row's bits depend on it alone, not on the rows beside it, on its place or
/// on the order in which threads run.
TEST_P(CudaRowwiseTest, KeepsBitsInAnyCompany) {
  constexpr int64_t kRows = 5;
  CudaKernelUnderTest test(residualNorm(shape.columns, shape.in, shape.out),
                           architecture);
  ASSERT_EQ(test.problem(), "");
  auto rows = [&](const char *name, const char *type, int64_t count) {
    return DeviceRows(test.simulator(), name, count, shape.columns,
                      semanticsOf(type), true);
  };
  DeviceRows x = rows("x", shape.in, kRows), r = rows("r", shape.in, kRows),
             y = rows("y", shape.out, kRows), x1 = rows("x1", shape.in, 1),
             r1 = rows("r1", shape.in, 1), y1 = rows("y1", shape.out, 1),
             w = rows("w", "f32", 1);
  x.fill(random);
  r.fill(random);
  w.fill(random, -2, 2);
  for (int64_t c = 0; c < x.stride; ++c) {
    x1.set(0, c, x.get(kRows - 1, c));
    r1.set(0, c, r.get(kRows - 1, c));
  }
  test.run(kRows, {0, 0, kRows, 0, w.address(), x.address(), r.address(),
                   x.address(), y.address()});
  test.run(1,
           {0, 0, 1, 0, w.address(), x1.address(), r1.address(), x1.address(),
            y1.address()},
           /*seed=*/7);
  EXPECT_EQ(0, std::memcmp(y.row(kRows - 1), y1.row(0), y.rowBytes));
  EXPECT_EQ(0, std::memcmp(x.row(kRows - 1), x1.row(0), x.rowBytes));
}

TEST_P(CudaRowwiseTest, Assembles) {
  CudaKernelUnderTest test(residualNorm(shape.columns, shape.in, shape.out),
                           architecture);
  ASSERT_EQ(test.problem(), "");
  expectAssembles(test.code(), architecture);
}

std::string nameOf(
    const testing::TestParamInfo<std::tuple<CudaArchitecture, Shape>> &info) {
  const Shape &shape = std::get<1>(info.param);
  return std::get<0>(info.param).name.str() + "_" +
         std::to_string(shape.columns) + shape.in + shape.out;
}

auto onAllArchitectures(llvm::ArrayRef<Shape> shapes) {
  return testing::Combine(testing::ValuesIn(getCudaArchitectures().begin(),
                                            getCudaArchitectures().end()),
                          testing::ValuesIn(shapes.begin(), shapes.end()));
}

// One column, a short chunk, several chunks a thread, more than 256 threads.
constexpr Shape kShapes[] = {
    {1, "f32", "f32"},    {576, "f32", "f32"},   {8200, "f32", "f32"},
    {72, "f16", "f16"},   {77, "f16", "f32"},    {1000, "f32", "f16"},
    {4096, "f16", "f16"}, {200, "bf16", "bf16"}, {1000, "f32", "bf16"}};
INSTANTIATE_TEST_SUITE_P(Shapes, CudaRowwiseTest, onAllArchitectures(kShapes),
                         nameOf);

/// Rows of each pair of types.
struct CudaRowwiseTrafficTest
    : testing::TestWithParam<std::tuple<int64_t, const char *, const char *>> {
  const Shape shape = {std::get<0>(GetParam()), std::get<1>(GetParam()),
                       std::get<2>(GetParam())};
};

/// Each number is moved once and each sector once, f32 (as the weights are) by
/// 16 bytes a lane and what is beside it by 8; no two lanes want one bank of
/// shared memory.
TEST_P(CudaRowwiseTrafficTest, MovesWhatItNeedsOnce) {
  constexpr int64_t kRows = 2;
  CudaKernelUnderTest test(residualNorm(shape.columns, shape.in, shape.out),
                           *findCudaArchitecture("sm_80"));
  ASSERT_EQ(test.problem(), "");
  auto rows = [&](const char *name, const char *type) {
    return DeviceRows(test.simulator(), name, kRows, shape.columns,
                      semanticsOf(type), true);
  };
  DeviceRows x = rows("x", shape.in), r = rows("r", shape.in),
             y = rows("y", shape.out), w = rows("w", "f32");
  sim::Launch launch;
  launch.grid[0] = kRows;
  launch.threads = test.kernel().threads;
  launch.sharedBytes = test.kernel().sharedBytes;
  llvm::Expected<sim::Result> result =
      test.simulator().run(launch, {0, 0, kRows, 0, w.address(), x.address(),
                                    r.address(), x.address(), y.address()});
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  std::map<std::string, int64_t> moved;
  for (const sim::AccessCount &count : result->statistics.counts) {
    EXPECT_EQ(count.units, count.fewest) << count.location << count.what;
    if (!count.isShared)
      moved[count.what] += static_cast<int64_t>(count.bytes);
  }
  // Chunks of four columns are read, and whole rows written.
  std::map<std::string, int64_t> wanted;
  auto add = [&](const std::string &what, const char *type, int64_t columns) {
    bool isHalf = type != std::string("f32");
    wanted[what + (isHalf ? " of 8 bytes" : " of 16 bytes")] +=
        kRows * columns * (isHalf ? 2 : 4);
  };
  int64_t chunks = llvm::alignTo(shape.columns, 4);
  add("load", "f32", chunks);
  add("load", shape.in, 2 * chunks);
  add("store", shape.in, x.stride);
  add("store", shape.out, y.stride);
  EXPECT_EQ(moved, wanted);
}

// A warp that is not full, and one more chunk than a block has threads.
INSTANTIATE_TEST_SUITE_P(Pairs, CudaRowwiseTrafficTest,
                         testing::Combine(testing::Values(77, 1028),
                                          testing::Values("f32", "f16", "bf16"),
                                          testing::Values("f32", "f16",
                                                          "bf16")),
                         [](const auto &info) {
                           return std::to_string(std::get<0>(info.param)) +
                                  std::get<1>(info.param) +
                                  std::get<2>(info.param);
                         });

// Beside ends of warps, of what lanes have and of blocks; the soak runs these.
TEST(CudaRowwise, DISABLED_HoldsForAllShapes) {
  for (int64_t columns :
       {1,    2,    3,    4,    5,     7,     8,     9,    15,
        17,   31,   33,   63,   65,    127,   129,   255,  257,
        511,  513,  1023, 1024, 1025,  1029,  2047,  2049, 4095,
        4097, 8191, 8193, 8197, 12289, 20001, 32767, 32768})
    for (const char *in : {"f32", "f16", "bf16"})
      for (const char *out : {"f32", "f16", "bf16"}) {
        Shape shape = {columns, in, out};
        SCOPED_TRACE(testing::Message() << shape);
        expectNorms(shape, *findCudaArchitecture("sm_80"));
        CudaKernelUnderTest test(residualNorm(columns, in, out),
                                 *findCudaArchitecture("sm_90a"));
        ASSERT_EQ(test.problem(), "");
        expectAssembles(test.code(), *findCudaArchitecture("sm_90a"));
      }
}

/// A row of so many columns leaves a thread 64 registers.
TEST(CudaRowwise, AssemblesTheWidestRows) {
  for (const Shape &shape :
       {Shape{32767, "f32", "bf16"}, Shape{32768, "bf16", "f32"}})
    for (const CudaArchitecture &each : getCudaArchitectures()) {
      CudaKernelUnderTest test(residualNorm(shape.columns, shape.in, shape.out),
                               each);
      ASSERT_EQ(test.problem(), "");
      expectAssembles(test.code(), each);
    }
}

/// What the region makes of zeros that fill a row is neither summed nor stored.
TEST(CudaRowwise, GathersRows) {
  constexpr int64_t kColumns = 41;
  CudaKernelUnderTest test(R"mlir(
    func.func @f(%x: memref<?x41xf32>, %i: memref<?xi32>, %y: memref<?x41xf32>, %b: index, %e: index) {
      tok.kernel "rowwise" rows(%b to %e) ins(%x, %i : memref<?x41xf32>, memref<?xi32>)
          outs(%y : memref<?x41xf32>) {columns = 41, gather} prologue {
      ^bb0(%a: f32):
        %n = math.exp %a fastmath<nnan,ninf> : f32
        %s = tok.reduce_row %n
        %o = arith.divf %n, %s : f32
        tok.yield %o : f32
      }
      return
    })mlir",
                           *findCudaArchitecture("sm_80"));
  ASSERT_EQ(test.problem(), "");
  std::mt19937 random(1);
  DeviceRows x(test.simulator(), "x", 5, kColumns, false, true);
  DeviceRows y(test.simulator(), "y", 3, kColumns, false, false);
  x.fill(random, -3, 3);
  const int32_t wanted[] = {4, 0, 4};
  uint8_t *index =
      llvm::cantFail(test.simulator().addBuffer("index", sizeof wanted, true));
  std::memcpy(index, wanted, sizeof wanted);
  test.run(3, {0, 0, 3, 0, x.address(), reinterpret_cast<uint64_t>(index),
               y.address()});
  for (int64_t row = 0; row < 3; ++row) {
    double sum = 0;
    for (int64_t c = 0; c < kColumns; ++c)
      sum += std::exp(x.get(wanted[row], c));
    for (int64_t c = 0; c < y.stride; ++c) {
      double weight = c < kColumns ? std::exp(x.get(wanted[row], c)) / sum : 0;
      ASSERT_NEAR(y.get(row, c), weight, 2e-6 * weight) << row << ", " << c;
    }
  }
}

/// The error of a kernel over rows of `type` with `body` for its region.
std::string errorOf(const std::string &type, const std::string &columns,
                    const std::string &body) {
  return CudaKernelUnderTest(
             "func.func @f(%x: " + type + ", %b: index, %e: index) {\n" +
                 "tok.kernel \"rowwise\" rows(%b to %e) ins(%x : " + type +
                 ") outs(%x : " + type + ") {columns = " + columns +
                 "} prologue {\n^bb0(%a: f32):\n" + body + "\n}\nreturn\n}\n",
             *findCudaArchitecture("sm_80"))
      .problem();
}

TEST(CudaRowwise, SaysWhatItCannotServe) {
  using testing::HasSubstr;
  const char *copy = "tok.yield %a : f32";
  EXPECT_THAT(errorOf("memref<?x40xi8>", "40", copy),
              HasSubstr("expects an input to be memref<?xN x 'f32'> with N of "
                        "at least 40, but got 'memref<?x40xi8>'"));
  EXPECT_THAT(errorOf("memref<?x40xf32>", "41", copy),
              HasSubstr("with N of at least 41, but got"));
  EXPECT_THAT(errorOf("memref<?x40000xf32>", "40000", copy),
              HasSubstr("has rows of 40000 columns, more than the 32768"));
  EXPECT_THAT(errorOf("memref<?x40xf32>", "40",
                      "%t = math.tanh %a : f32\ntok.yield %t : f32"),
              HasSubstr("'math.tanh' op cannot stand in a CUDA kernel"));
  EXPECT_THAT(errorOf("memref<?x32xf32>", "32",
                      "%p = tok.partner %a adjacent head = 2 dims = 2\n"
                      "tok.yield %p : f32"),
              HasSubstr("expects a head of a multiple of 4 in a CUDA kernel, "
                        "but got 2"));
}

} // namespace
