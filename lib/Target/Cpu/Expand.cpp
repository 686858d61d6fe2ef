//===- Expand.cpp - What is not a machine's operation becomes several -----===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Upstream has the patterns for polynomials, but no pass outside its tests.
//
// Contract: tolerance<4e-6>.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Cpu/Passes.h"

#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace tokopt::cpu {
#define GEN_PASS_DEF_EXPANDPASS
#include "lib/Target/Cpu/Passes.h.inc"
} // namespace tokopt::cpu

using namespace mlir;

namespace {

struct ExpandPass : tokopt::cpu::impl::ExpandPassBase<ExpandPass> {
  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet set(context);
    // fma, sqrt, floor and the like are instructions; there are no patterns for
    // them among these.
    auto any = [](StringRef) { return true; };
    populateMathF32ExpansionPatterns(set, any);
    // That for rsqrt uses an intrinsic with 12 bits. One over the root is exact
    // to rounding.
    populateMathPolynomialApproximationPatterns(set, [](StringRef name) {
      return name != math::RsqrtOp::getOperationName();
    });
    math::populateExpansionPatterns(set,
                                    {"sinh", "cosh", "tan", "asinh", "acosh",
                                     "atanh", "exp2", "powf", "fpowi"});
    arith::populateCeilFloorDivExpandOpsPatterns(set);
    // Where there is no instruction, LLVM would call a library.
    arith::populateExpandBFloat16Patterns(set);
    memref::populateExpandStridedMetadataPatterns(set);
    populateAffineToStdConversionPatterns(set);
    patterns = std::move(set);
    return success();
  }

  void runOnOperation() override {
    (void)applyPatternsGreedily(getOperation(), patterns);
  }

  FrozenRewritePatternSet patterns;
};

} // namespace
