//===- RowsTest.cpp - Rows that are not the same rows ---------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rows of a step and rows taken from it have one type. Each case runs where
// they are as many, and ends the process where they are not.
//
//===----------------------------------------------------------------------===//

#include "ReferenceRun.h"

#include <csignal>

using namespace tokopt::test;

namespace {

struct RowsCase {
  const char *name;
  /// Computes `%y` or `%t` of `%x`, the rows of the step, and `%z`, those that
  /// ask.
  const char *body;
  /// What is returned, its type and its slot.
  const char *result, *type, *slot;
};

void PrintTo(const RowsCase &test, std::ostream *os) { *os << test.name; }

class Rows : public testing::TestWithParam<RowsCase> {};

TEST_P(Rows, OfAnotherNumberTrap) {
  const RowsCase &test = GetParam();
  ReferenceRun code((llvm::Twine(R"mlir(
    func.func @step(%x: tensor<?x4xf32> {tok.slot = "frontier"},
                    %out: tensor<?xi32> {tok.slot = "out"},
                    %p: tensor<?x4xf32> {tok.slot = "sampling"},
                    %s: tensor<?x2xi64> {tok.slot = "seeds"})
        -> ()mlir") + test.type +
                     " {tok.slot = \"" + test.slot + R"mlir("}) {
      %z = tok.take %x, %out : tensor<?x4xf32>, tensor<?xi32>
      )mlir" + test.body +
                     "\n return " + test.result + " : " + test.type + "\n}")
                        .str());
  if (!code.canRun())
    GTEST_SKIP();
  code.frontier.assign(2 * 16, 0);
  code.sampling.assign(2 * 4, 0);
  code.seeds.assign(2 * 2, 0);
  code.out = {1, 0};
  code.logits.assign(2 * 16, NAN);
  code.tokens.assign(2, -1);
  code.run(2, 2);
  EXPECT_EXIT(code.run(2, 1), testing::KilledBySignal(SIGILL), "");
}

INSTANTIATE_TEST_SUITE_P(
    All, Rows,
    testing::Values(
        RowsCase{"elementwise", "%y = arith.addf %z, %x : tensor<?x4xf32>",
                 "%y", "tensor<?x4xf32>", "logits"},
        RowsCase{"gated", "%y = tok.gated %z, %x silu : tensor<?x4xf32>", "%y",
                 "tensor<?x4xf32>", "logits"},
        RowsCase{"params",
                 "%t = tok.sample %z, %x, %s : tensor<?x4xf32>, "
                 "tensor<?x4xf32>, tensor<?x2xi64> -> tensor<?xi32>",
                 "%t", "tensor<?xi32>", "tokens"},
        RowsCase{"result", "", "%x", "tensor<?x4xf32>", "logits"}),
    [](const auto &info) { return std::string(info.param.name); });

} // namespace
