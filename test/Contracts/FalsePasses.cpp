//===- FalsePasses.cpp - Promises that are not kept -----------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A harness that never fails shows nothing. These passes change how attention
// scales its scores, which no model can hide.
//
//===----------------------------------------------------------------------===//

#include "tokopt/Pipelines.h"

#include "dialects/Tok/TokOps.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Tools/Plugins/PassPlugin.h"

namespace tokopt::test {
#define GEN_PASS_DECL
#define GEN_PASS_DEF_EXACTLIEPASS
#define GEN_PASS_DEF_TOLERANCELIEPASS
#define GEN_PASS_DEF_NEUTRALLIEPASS
#define GEN_PASS_DEF_EARLYRETURNPASS
#define GEN_PASS_DEF_IDLEPASS
#define GEN_PASS_DEF_TWICELIEPASS
#define GEN_PASS_DEF_MUTEPASS
#define GEN_PASS_DEF_NOCONTRACTPASS
#define GEN_PASS_DEF_HONESTPASS
#define GEN_PASS_REGISTRATION
#include "test/Contracts/FalsePasses.h.inc"
} // namespace tokopt::test

using namespace mlir;
using namespace tokopt;

static constexpr remark::RemarkOpts kRemark =
    remark::RemarkOpts::name("False").category("tok-test");

/// Multiplies the scale of every attention by `1 + strength` and says so.
static void scaleScores(ModuleOp module, double strength) {
  module.walk([&](tok::AttentionOp op) {
    double scale = op.getScale().convertToDouble() * (1 + strength);
    op.setScaleAttr(Builder(op).getF32FloatAttr(static_cast<float>(scale)));
    remark::passed(op.getLoc(), kRemark) << remark::add("scaled the scores");
  });
}

namespace {

struct ExactLie : test::impl::ExactLiePassBase<ExactLie> {
  void runOnOperation() override { scaleScores(getOperation(), 1); }
};

struct ToleranceLie : test::impl::ToleranceLiePassBase<ToleranceLie> {
  void runOnOperation() override { scaleScores(getOperation(), 0.01); }
};

struct NeutralLie : test::impl::NeutralLiePassBase<NeutralLie> {
  using NeutralLiePassBase::NeutralLiePassBase;
  void runOnOperation() override {
    scaleScores(getOperation(), strength + 0.01);
  }
};

struct EarlyReturn : test::impl::EarlyReturnPassBase<EarlyReturn> {
  using EarlyReturnPassBase::EarlyReturnPassBase;
  void runOnOperation() override {
    if (strength != 0)
      scaleScores(getOperation(), strength);
  }
};

struct Idle : test::impl::IdlePassBase<Idle> {
  using IdlePassBase::IdlePassBase;
  void runOnOperation() override { scaleScores(getOperation(), 0); }
};

struct TwiceLie : test::impl::TwiceLiePassBase<TwiceLie> {
  void runOnOperation() override {
    auto before = getOperation()->getAttrOfType<IntegerAttr>("test.count");
    int64_t count = before ? before.getInt() + 1 : 0;
    getOperation()->setAttr("test.count",
                            Builder(&getContext()).getI64IntegerAttr(count));
  }
};

struct Mute : test::impl::MutePassBase<Mute> {
  void runOnOperation() override {
    remark::missed(getOperation().getLoc(), kRemark) << remark::add("");
  }
};

struct NoContract : test::impl::NoContractPassBase<NoContract> {
  void runOnOperation() override { markAllAnalysesPreserved(); }
};

struct Honest : test::impl::HonestPassBase<Honest> {
  using HonestPassBase::HonestPassBase;
  void runOnOperation() override { scaleScores(getOperation(), strength); }
};

} // namespace

static constexpr Contract kContracts[] = {
#include "test/Contracts/FalsePasses.contracts.inc"
};

extern "C" LLVM_ATTRIBUTE_WEAK PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "TokFalsePasses", "0.1", [] {
            test::registerFalsePasses();
            registerContracts(kContracts);
          }};
}
