//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Gated activations made from the region of one row, and rows that are rounded
// to bytes, in the simulator with all checks on.
//
//===----------------------------------------------------------------------===//

#include "test/lib/Kernels/CudaRounded.h"

#include <cmath>

using namespace tokopt;
using namespace tokopt::test;

namespace {

// One block of 32, a row that ends within a chunk, several chunks a thread; a
// lane that has eight columns of a block and four; types that move 16 bytes a
// lane, and pairs of types of which one moves 8.
const Gate kGates[] = {
    {"silu", 1},
    {"gelu", 77},
    {"silu", 1000, "f16", "f16"},
    {"silu", 32, "f32", "f32", true},
    {"gelu", 608, "f32", "f32", true},
    {"silu", 8224, "f32", "f32", true},
    {"silu", 96, "f16", "f32", true},
    {"silu", 608, "bf16", "f16", true},
    {"silu", 77, "f32", "f16"},
    {"gelu", 1032, "bf16", "f32"},
};

struct CudaGateTest : testing::TestWithParam<Gate> {
  const Gate &gate = GetParam();
  const CudaArchitecture &architecture = *findCudaArchitecture("sm_80");

  /// What rounding to `type` may change, of normal numbers and of small ones.
  static std::pair<double, double> unitsOf(const char *type) {
    std::string name = type;
    return name == "f16"    ? std::pair(1e-3, 6e-8)
           : name == "bf16" ? std::pair(4e-3, 1e-30)
                            : std::pair(1e-6, 1e-30);
  }

  /// A gate with its buffers.
  struct Run {
    Run(const Gate &gate, const CudaArchitecture &architecture, int64_t rows)
        : gate(gate), test(gate.module(), architecture),
          g(test.simulator(), "g", rows, gate.columns, semanticsOf(gate.in),
            true),
          u(test.simulator(), "u", rows, gate.columns, semanticsOf(gate.in),
            true),
          y(test.simulator(), "y", rows, gate.columns, semanticsOf(gate.out),
            false),
          q(test.simulator(), "q", rows, gate.columns) {}

    std::vector<uint64_t> arguments(uint64_t begin, uint64_t end) const {
      std::vector<uint64_t> arguments = {
          0, begin, end, 0, g.address(), u.address(), y.address()};
      if (gate.isRounded)
        arguments.push_back(q.address());
      return arguments;
    }
    std::vector<float> result(int64_t row) const {
      std::vector<float> numbers;
      for (int64_t c = 0; c < gate.columns; ++c)
        numbers.push_back(static_cast<float>(y.get(row, c)));
      return numbers;
    }

    const Gate &gate;
    CudaKernelUnderTest test;
    DeviceRows g, u, y;
    RoundedRows q;
  };
};

TEST_P(CudaGateTest, EqualsItsFormula) {
  constexpr int64_t kRows = 7, kBegin = 1, kEnd = 6;
  Run run(gate, architecture, kRows);
  ASSERT_EQ(run.test.problem(), "");
  std::mt19937 random(1);
  run.g.fill(random, -6, 6);
  run.u.fill(random, -2, 2);
  for (int64_t c = 0; c < gate.columns; ++c) {
    run.g.set(1, c, 0);                          // a scale of zeros
    run.u.set(2, c, c % 32 == 31 ? -50 : 0.001); // the last of a block
    // Gates that are open and shut, where the exponential ends and beyond.
    const double hostile[] = {-1e4, -89, -88, -20, -0.0, 20, 88, 100};
    run.g.set(3, c, hostile[c % 8]);
    // Multiples of the scale, and numbers halfway between two.
    run.g.set(4, c, 100);
    run.u.set(4, c, c % 32 == 0 ? 1.27 : 0.005 * (c % 32));
  }
  // More blocks than rows: a launch may serve any number up to its own.
  run.test.run(kEnd - kBegin + 2, run.arguments(kBegin, kEnd));
  // What is rounded to bytes is not what has been rounded to halves before.
  Gate exactGate = gate;
  exactGate.out = "f32";
  Run exact(exactGate, architecture, kRows);
  for (int64_t row = 0; row < kRows; ++row)
    for (int64_t c = 0; c < run.g.stride; ++c) {
      exact.g.set(row, c, run.g.get(row, c));
      exact.u.set(row, c, run.u.get(row, c));
    }
  exact.test.run(kEnd - kBegin, exact.arguments(kBegin, kEnd));
  auto [unit, smallest] = unitsOf(gate.out);
  for (int64_t row = 0; row < kRows; ++row) {
    if (row < kBegin || row >= kEnd) {
      EXPECT_TRUE(run.y.isUntouched(row)) << row;
      EXPECT_TRUE(run.q.isUntouched(row)) << row;
      continue;
    }
    for (int64_t c = 0; c < run.y.stride; ++c) {
      double g = 0, wanted = 0;
      if (c < gate.columns) {
        g = run.g.get(row, c);
        wanted = gate.apply(g, run.u.get(row, c));
      }
      // An exponent that is off by some units in its last place scales all.
      double relative =
          unit + 0x1p-22 * std::min(88.0, std::fabs(gate.exponent(g)));
      ASSERT_NEAR(run.y.get(row, c), wanted,
                  relative * std::fabs(wanted) + smallest)
          << "row " << row << ", column " << c;
    }
    if (gate.isRounded) {
      EXPECT_EQ(run.q.findDifference(row, exact.result(row)), "");
    }
  }
}

/// A launch of no rows writes none.
TEST_P(CudaGateTest, WritesNothingOfNoRows) {
  Run run(gate, architecture, 1);
  ASSERT_EQ(run.test.problem(), "");
  run.test.run(1, run.arguments(0, 0));
  EXPECT_TRUE(run.y.isUntouched(0));
  EXPECT_TRUE(run.q.isUntouched(0));
}

/// No sector is moved twice, but where one ends among the few numbers of blocks
/// that a warp stores. Loads move 16 bytes a lane of the widest type.
TEST_P(CudaGateTest, MovesWhatItNeedsOnce) {
  Run run(gate, architecture, 2);
  ASSERT_EQ(run.test.problem(), "");
  sim::Launch launch;
  launch.grid[0] = 2;
  launch.threads = run.test.kernel().threads;
  launch.sharedBytes = run.test.kernel().sharedBytes;
  llvm::Expected<sim::Result> result =
      run.test.simulator().run(launch, run.arguments(0, 2));
  ASSERT_TRUE(bool(result)) << llvm::toString(result.takeError());
  EXPECT_GE(result->statistics.counts.size(), 2u);
  for (const sim::AccessCount &count : result->statistics.counts) {
    bool isNarrow =
        gate.in != std::string("f32") && gate.out == std::string("f32");
    if (count.what.find("load") == 0) {
      EXPECT_EQ(count.what, isNarrow ? "load of 8 bytes" : "load of 16 bytes");
    }
    bool isOfBlocks = count.what.find("store") == 0 && gate.isRounded &&
                      count.bytes <= 64 * count.requests;
    EXPECT_LE(count.units, count.fewest + (isOfBlocks ? count.requests : 0))
        << count.location << ": " << count.what;
  }
}

TEST_P(CudaGateTest, Assembles) {
  for (const CudaArchitecture &each : getCudaArchitectures()) {
    CudaKernelUnderTest test(gate.module(), each);
    ASSERT_EQ(test.problem(), "");
    expectAssembles(test.code(), each);
  }
}

INSTANTIATE_TEST_SUITE_P(Gates, CudaGateTest, testing::ValuesIn(kGates),
                         [](const auto &info) {
                           const Gate &gate = info.param;
                           return std::string(gate.activation) + "_" +
                                  std::to_string(gate.columns) + gate.in +
                                  gate.out + (gate.isRounded ? "_rounded" : "");
                         });

/// A row of 32768 columns leaves a thread 64 registers.
TEST(CudaGate, AssemblesTheWidestRows) {
  const Gate gates[] = {{"gelu", 32768}, {"gelu", 32768, "bf16", "bf16", true}};
  for (const Gate &gate : gates)
    for (const CudaArchitecture &each : getCudaArchitectures()) {
      CudaKernelUnderTest test(gate.module(), each);
      ASSERT_EQ(test.problem(), "");
      expectAssembles(test.code(), each);
    }
}

TEST(CudaGate, SaysWhatItCannotRound) {
  Gate gate = {"silu", 48, "f32", "f32", true};
  EXPECT_THAT(
      CudaKernelUnderTest(gate.module(), *findCudaArchitecture("sm_80"))
          .problem(),
      testing::HasSubstr("expects rows of whole blocks of 32 columns to round "
                         "them, but got 48"));
}

} // namespace
