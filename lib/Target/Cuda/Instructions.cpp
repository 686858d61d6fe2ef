//===- Instructions.cpp - Which architecture has which instruction --------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Cuda/Cuda.h"

#include "tokopt/CudaAssembly.h"

#include "llvm/IR/DebugInfoMetadata.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace tokopt;

namespace {

/// Intrinsics of the backend by how their name begins, after `llvm.nvvm.`, and
/// the capability that has them in the PTX version that kernels are written in
/// (PTX ISA, "Target ISA Notes"). A kernel uses nothing else, so that what the
/// backend cannot select never gets there.
struct KnownInstruction {
  StringLiteral prefix;
  int64_t capability;
  bool isSpecific;
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
    {"cp.async.bulk.tensor.g2s.tile.", 90, false},
    {"cp.async.ca.shared.global.", 80, false},
    {"cp.async.cg.shared.global.", 80, false},
    {"cp.async.commit.group", 80, false},
    {"cp.async.wait.", 80, false},
    {"ldmatrix.sync.", 75, false},
    {"mma.m16n8k16.", 80, false},
    {"ff2f16x2.rn", 80, false},
    {"ff2bf16x2.rn", 80, false},
    {"redux.sync.", 80, false},
    {"mbarrier.init.shared", 80, false},
    {"mbarrier.arrive.shared", 80, false},
    {"mbarrier.arrive.expect.tx.scope.cta.space.cta", 90, false},
    {"mbarrier.try.wait.parity.scope.cta.space.cta", 90, false},
    {"fence.mbarrier_init.release.cluster", 90, false},
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

/// Where an instruction comes from, as `file:line`.
static std::string locationOf(const Instruction &instruction) {
  const DebugLoc &location = instruction.getDebugLoc();
  if (!location)
    return instruction.getFunction()->getName().str();
  return (location->getFilename() + ":" + Twine(location.getLine())).str();
}

Error tokopt::checkInstructions(const Module &module,
                                const CudaArchitecture &architecture) {
  auto fail = [&](const Instruction &instruction, const Twine &message) {
    return createStringError(inconvertibleErrorCode(),
                             locationOf(instruction) +
                                 ": generating code for " + architecture.name +
                                 ": " + message);
  };
  for (const Function &function : module)
    for (const Instruction &instruction : instructions(function)) {
      const auto *call = dyn_cast<CallBase>(&instruction);
      if (!call)
        continue;
      if (const auto *assembly =
              dyn_cast<InlineAsm>(call->getCalledOperand())) {
        if (!CudaAssembly::parse(assembly->getAsmString(),
                                 assembly->getConstraintString()))
          return fail(instruction,
                      "inline assembly is not checked, so kernels have none, "
                      "except for products of warpgroups (CudaAssembly.h)");
        if (!hasInstruction(architecture, kWarpgroupProducts))
          return fail(instruction, "products of warpgroups need " +
                                       describe(kWarpgroupProducts));
        continue;
      }
      const Function *callee = call->getCalledFunction();
      if (!callee)
        return fail(instruction, "kernels call nothing through pointers");
      StringRef name = callee->getName();
      if (!name.consume_front("llvm.nvvm.")) {
        if (callee->isDeclaration() && !callee->isIntrinsic())
          return fail(instruction, "calls '" + name +
                                       "', which nothing defines: kernels link "
                                       "no library");
        continue;
      }
      const auto *found =
          find_if(kInstructions, [&](const KnownInstruction &known) {
            return name.starts_with(known.prefix);
          });
      if (found == std::end(kInstructions))
        return fail(instruction, "'llvm.nvvm." + name +
                                     "' is not in the table of instructions "
                                     "that kernels use");
      if (!hasInstruction(architecture, *found))
        return fail(instruction,
                    "'llvm.nvvm." + name + "' needs " + describe(*found));
    }
  return Error::success();
}
