//===- FalsePasses.td - Promises that are not kept ---------*- tablegen -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Model passes of a plugin, for the test of the contract harness: each but the last breaks its promise in one way.
//
//===----------------------------------------------------------------------===//

include "passes/TokPass.td"

class Strength<string value> : Option<"strength", "strength", "double", value, "How much to change">;

def ExactLiePass : TokPass<"tok-test-exact-lie", Exact> {
  let summary = "Change numbers, but promise `exact`";
}
def ToleranceLiePass : TokPass<"tok-test-tolerance-lie", Tolerance<"1e-5">> {
  let summary = "Differ by more than the bound";
}
def NeutralLiePass : TokPass<"tok-test-neutral-lie", Lossy<"strength", "0">> {
  let summary = "Change numbers at the neutral value, too";
  let options = [Strength<"1.0">];
}
def EarlyReturnPass : TokPass<"tok-test-early-return", Lossy<"strength", "0">> {
  let summary = "Do nothing at the neutral value instead of the same";
  let options = [Strength<"1.0">];
}
def IdlePass : TokPass<"tok-test-idle", Lossy<"strength", "0">> {
  let summary = "Do nothing at any value";
  let options = [Strength<"0">];
}
def TwiceLiePass : TokPass<"tok-test-twice-lie", Exact> {
  let summary = "Change something each time, but promise idempotence";
  let idempotent = 1;
}
def MutePass : TokPass<"tok-test-mute", Exact> {
  let summary = "Skip ops without a reason";
}
def NoContractPass : Pass<"tok-test-no-contract", "::mlir::ModuleOp"> {
  let summary = "Promise nothing";
}
def HonestPass : TokPass<"tok-test-honest", Lossy<"strength", "0">> {
  let summary = "Keep the promise";
  let options = [Strength<"1.0">];
}
