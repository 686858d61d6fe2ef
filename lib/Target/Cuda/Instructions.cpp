//===- Instructions.cpp - Which architecture has which instruction --------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Cuda/Cuda.h"

#include "tokopt/CudaAssembly.h"

#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace tokopt;

namespace {

/// Intrinsics of the backend by their name after `llvm.nvvm.`, or by how it
/// begins, up to a dot, and the capability that has them in the PTX version
/// that kernels are written in (PTX ISA, "Target ISA Notes"). Of several the
/// first counts. A kernel uses nothing else, so that what the backend cannot
/// select never gets there.
struct KnownInstruction {
  StringLiteral name;
  int64_t capability;
  bool isSpecific;

  bool matches(StringRef intrinsic) const {
    return name.ends_with(".") ? intrinsic.starts_with(name)
                               : intrinsic == name;
  }
};

constexpr KnownInstruction kInstructions[] = {
    {"read.ptx.sreg.tid.", 75, false},
    {"read.ptx.sreg.ctaid.", 75, false},
    {"read.ptx.sreg.ntid.", 75, false},
    {"read.ptx.sreg.nctaid.", 75, false},
    {"barrier.cta.sync.aligned.", 75, false},
    {"barrier.cta.arrive.aligned.", 75, false},
    {"bar.warp.sync", 75, false},
    {"shfl.sync.", 75, false},
    {"vote.", 75, false},
    {"membar.", 75, false},
    {"cp.async.bulk.tensor.g2s.tile.gather4.", 100, false},
    {"cp.async.bulk.tensor.g2s.tile.", 90, false},
    {"cp.async.bulk.tensor.s2g.tile.scatter4.", 100, false},
    {"cp.async.bulk.tensor.s2g.tile.", 90, false},
    {"cp.async.bulk.commit.group", 90, false},
    {"cp.async.bulk.wait.group", 90, false},
    {"cp.async.bulk.wait.group.read", 90, false},
    {"cp.async.ca.shared.global.", 80, false},
    {"cp.async.cg.shared.global.", 80, false},
    {"cp.async.commit.group", 80, false},
    {"cp.async.wait.", 80, false},
    {"ldmatrix.sync.", 75, false},
    {"mma.m16n8k16.", 80, false},
    {"ff2f16x2.rn", 80, false},
    {"ff2bf16x2.rn", 80, false},
    {"redux.sync.add", 80, false},
    {"mbarrier.init.shared", 80, false},
    {"mbarrier.arrive.shared", 80, false},
    {"mbarrier.arrive.expect.tx.scope.cta.space.cta", 90, false},
    {"mbarrier.try.wait.parity.scope.cta.space.cta", 90, false},
    {"fence.mbarrier_init.release.cluster", 90, false},
    {"fence.proxy.async", 90, false},
    {"fence.proxy.async.global", 90, false},
    {"fence.proxy.async.shared_cta", 90, false},
    {"prefetch.tensormap.", 90, false},
    {"wgmma.", 90, true},
    {"setmaxnreg.", 90, true},
};

/// What the forms of inline assembly need.
constexpr KnownInstruction kWarpgroupProducts = {"wgmma.", 90, true};

} // namespace

static std::string describe(const KnownInstruction &needed) {
  return ("sm_" + Twine(needed.capability) + (needed.isSpecific ? "a" : ""))
      .str();
}

static bool hasInstruction(const CudaArchitecture &architecture,
                           const KnownInstruction &needed) {
  if (needed.isSpecific)
    return architecture.isSpecific &&
           architecture.capability == needed.capability;
  return architecture.capability >= needed.capability;
}

/// Fails if `call` calls what `architecture` has not, or what nobody has told
/// us about.
static Error checkCall(const CallBase &call,
                       const CudaArchitecture &architecture) {
  if (const auto *assembly = dyn_cast<InlineAsm>(call.getCalledOperand())) {
    if (!CudaAssembly::parse(assembly->getAsmString(),
                             assembly->getConstraintString()))
      return makeInstructionError(
          call, architecture,
          "inline assembly is not checked, so kernels have none, "
          "except for products of warpgroups (CudaAssembly.h)");
    if (!hasInstruction(architecture, kWarpgroupProducts))
      return makeInstructionError(call, architecture,
                                  "products of warpgroups need " +
                                      describe(kWarpgroupProducts));
    return Error::success();
  }
  const Function *callee = call.getCalledFunction();
  if (!callee)
    return makeInstructionError(call, architecture,
                                "kernels call nothing through pointers");
  StringRef name = callee->getName();
  if (!name.consume_front("llvm.nvvm.")) {
    if (callee->isDeclaration() && !callee->isIntrinsic())
      return makeInstructionError(call, architecture,
                                  "calls '" + name +
                                      "', which nothing defines: kernels link "
                                      "no library");
    return Error::success();
  }
  const auto *found =
      find_if(kInstructions, [&](const KnownInstruction &known) {
        return known.matches(name);
      });
  if (found == std::end(kInstructions))
    return makeInstructionError(call, architecture,
                                "'llvm.nvvm." + name +
                                    "' is not in the table of instructions "
                                    "that kernels use");
  if (!hasInstruction(architecture, *found))
    return makeInstructionError(call, architecture,
                                "'llvm.nvvm." + name + "' needs " +
                                    describe(*found));
  return Error::success();
}

Error tokopt::checkInstructions(const Module &module,
                                const CudaArchitecture &architecture) {
  if (Error error = checkGlobals(module, architecture))
    return error;
  for (const Function &function : module)
    for (const Instruction &instruction : instructions(function)) {
      if (const auto *call = dyn_cast<CallBase>(&instruction))
        if (Error error = checkCall(*call, architecture))
          return error;
      if (Error error = checkSelectable(instruction, architecture))
        return error;
    }
  return Error::success();
}
