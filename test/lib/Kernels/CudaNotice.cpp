//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/lib/Kernels/CudaNotice.h"

#include "test/lib/Kernels/CudaAppend.h"
#include "test/lib/Kernels/CudaNorm.h"
#include "test/lib/Kernels/CudaRounded.h"

#include <cmath>

using namespace tokopt;
using namespace tokopt::test;

namespace {

/// Rows of a launch that is neither the first nor the last of a buffer.
constexpr int64_t kRows = 5, kBegin = 1, kEnd = 4;

const CudaArchitecture &architecture() {
  return *findCudaArchitecture("sm_80");
}

/// Rows outside of the launch are not written: they must not be read.
void forgetOthers(const CudaKernelUnderTest &test, const DeviceRows &rows) {
  test.simulator().setWritten(rows.row(0), kBegin * rows.rowBytes, false);
  test.simulator().setWritten(rows.row(kEnd), (kRows - kEnd) * rows.rowBytes,
                              false);
}

/// Runs one more block than there are rows, and returns the first report.
Notice launch(const CudaKernelUnderTest &test,
              const std::vector<uint64_t> &arguments) {
  sim::Launch launch;
  launch.grid[0] = kEnd - kBegin + 1;
  launch.grid[1] = test.code().kernels.front().parts;
  launch.threads = test.kernel().threads;
  launch.sharedBytes = test.kernel().sharedBytes;
  llvm::Expected<sim::Result> result = test.simulator().run(launch, arguments);
  if (!result)
    return Notice::ofUntested(llvm::toString(result.takeError()));
  return result->reports.empty() ? "" : toText(result->reports.front());
}

} // namespace

Notice test::noticeInHeadNorm(const KernelEdit &edit) {
  constexpr int64_t kHeads = 19, kSize = 48, kColumns = kHeads * kSize;
  CudaKernelUnderTest test(
      headNorm(kColumns, kSize, "f32", /*isWeighted=*/true), architecture(),
      edit);
  if (!test.problem().empty())
    return Notice::ofUntested(test.problem());
  DeviceRows x(test.simulator(), "x", kRows, kColumns, false, true),
      y(test.simulator(), "y", kRows, kColumns, false, false),
      w(test.simulator(), "w", 1, kSize, false, true);
  std::mt19937 random(1);
  x.fill(random);
  w.fill(random, 1, 2);
  forgetOthers(test, x);
  Notice report =
      launch(test, {0, kBegin, kEnd, 0, w.address(), x.address(), y.address()});
  if (!report.isSilent())
    return report;
  for (int64_t row = 0; row < kRows; ++row) {
    if (row < kBegin || row >= kEnd) {
      if (!y.isUntouched(row))
        return "a row that is not of the launch is written";
      continue;
    }
    for (int64_t h = 0; h < kHeads; ++h) {
      double squares = 0;
      for (int64_t d = 0; d < kSize; ++d)
        squares += w.get(0, d) * std::pow(x.get(row, h * kSize + d), 2);
      double root = std::sqrt(squares / kSize + kNormEpsilon);
      for (int64_t d = 0; d < kSize; ++d) {
        double norm = x.get(row, h * kSize + d) / root * w.get(0, d);
        // Not a number is never near.
        if (!(std::fabs(y.get(row, h * kSize + d) - norm) <=
              1e-5 * std::fabs(norm)))
          return "other values";
      }
    }
  }
  return "";
}

Notice test::noticeInGate(const KernelEdit &edit) {
  const Gate gate = {"silu", 1376, "f32", "f32", true, true};
  CudaKernelUnderTest test(gate.module(), architecture(), edit);
  if (!test.problem().empty())
    return Notice::ofUntested(test.problem());
  auto rows = [&](const char *name, bool isWritten) {
    return DeviceRows(test.simulator(), name, kRows, gate.columns, false,
                      isWritten);
  };
  DeviceRows g = rows("g", true), u = rows("u", true), y = rows("y", false);
  DeviceRows w(test.simulator(), "w", 1, gate.columns, false, true);
  RoundedRows q(test.simulator(), "q", kRows, gate.columns);
  std::mt19937 random(1);
  g.fill(random, -6, 6);
  u.fill(random, -2, 2);
  w.fill(random, 1, 2);
  forgetOthers(test, g);
  forgetOthers(test, u);
  Notice report = launch(test, {0, kBegin, kEnd, 0, w.address(), g.address(),
                                u.address(), y.address(), q.address()});
  if (!report.isSilent())
    return report;
  for (int64_t row = 0; row < kRows; ++row) {
    if (row < kBegin || row >= kEnd) {
      if (!y.isUntouched(row) || !q.isUntouched(row))
        return "a row that is not of the launch is written";
      continue;
    }
    std::vector<float> numbers;
    for (int64_t c = 0; c < gate.columns; ++c) {
      double wanted = gate.apply(g.get(row, c), u.get(row, c)) * w.get(0, c);
      numbers.push_back(static_cast<float>(y.get(row, c)));
      if (!(std::fabs(numbers.back() - wanted) <= 1e-5 * std::fabs(wanted)))
        return "other values";
    }
    std::string difference = q.findDifference(row, numbers);
    if (!difference.empty())
      return difference;
  }
  return "";
}

static Notice noticeIn(const Append &append, const KernelEdit &edit) {
  AppendRun run(append, architecture(), edit);
  if (!run.problem().empty())
    return Notice::ofUntested(run.problem());
  llvm::Expected<sim::Result> result = run.run();
  if (!result)
    return Notice::ofUntested(llvm::toString(result.takeError()));
  if (!result->reports.empty())
    return toText(result->reports.front());
  return run.findDifference();
}

Notice test::noticeInAppend(const KernelEdit &edit) {
  return noticeIn({"f16", 5, 64, "k", "halves", 32}, edit);
}

Notice test::noticeInRoundedAppend(const KernelEdit &edit) {
  return noticeIn({"i8", 9, 256, "k", "adjacent", 256}, edit);
}
