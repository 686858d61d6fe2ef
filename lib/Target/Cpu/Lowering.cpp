//===- Lowering.cpp - From upstream dialects to the LLVM dialect ----------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Cpu/Cpu.h"
#include "lib/Target/Cpu/Passes.h"

#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace tokopt;

void tokopt::addLoweringPasses(OpPassManager &pm, bool barePointers) {
  OpPassManager &function = pm.nest<func::FuncOp>();
  // From the top, each look at a loop whether it is dead walks all of its body,
  // and the bodies of unrolled kernels are long: 2 s instead of 0.05 s.
  function.addPass(createCanonicalizerPass(
      GreedyRewriteConfig().setUseTopDownTraversal(false)));
  function.addPass(createCSEPass());
  function.addPass(cpu::createExpandPass());
  function.addPass(createSCFToControlFlowPass());
  function.addPass(createConvertVectorToLLVMPass());
  pm.addPass(cpu::createConvertToLLVMPass({barePointers}));
  pm.addPass(createReconcileUnrealizedCastsPass());
}

namespace {

struct LLVMPipelineOptions : PassPipelineOptions<LLVMPipelineOptions> {
  Option<bool> barePointers{
      *this, "bare-pointers",
      llvm::cl::desc("Pass memrefs as pointers, not as descriptors"),
      llvm::cl::init(false)};
};

} // namespace

void tokopt::registerCpuTargetPasses() {
  cpu::registerCpuPasses();
  static PassPipelineRegistration<LLVMPipelineOptions> pipeline(
      "tok-llvm-pipeline",
      "From functions of upstream dialects to the LLVM dialect, for the CPU",
      [](OpPassManager &pm, const LLVMPipelineOptions &options) {
        addLoweringPasses(pm, options.barePointers);
      });
}
