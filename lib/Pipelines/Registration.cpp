//===- Registration.cpp - Everything tokopt registers ---------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tokopt/Pipelines.h"
#include "tokopt/Reference.h"
#include "tokopt/Target.h"

#include "dialects/Tok/TokDialect.h"
#include "lib/Lower/Passes.h"
#include "passes/Cache/Passes.h"
#include "passes/Quantize/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace tokopt;

const llvm::StringLiteral tokopt::kDefaultCpuPipeline =
    "tok-quantize-activations,tok-quantize-cache";

void tokopt::registerDialects(DialectRegistry &registry) {
  registry.insert<tok::TokDialect, affine::AffineDialect, arith::ArithDialect,
                  cf::ControlFlowDialect, func::FuncDialect,
                  index::IndexDialect, linalg::LinalgDialect, math::MathDialect,
                  memref::MemRefDialect, scf::SCFDialect, tensor::TensorDialect,
                  ub::UBDialect, vector::VectorDialect, LLVM::LLVMDialect>();
}

void tokopt::buildProgramPipeline(OpPassManager &manager,
                                  llvm::StringRef target) {
  manager.addPass(createLowerToProgramPass({target.str()}));
  SpecializeFewRowsPassOptions few;
  few.target = target.str();
  manager.addPass(createSpecializeFewRowsPass(few));
  manager.addPass(createPlanBuffersPass({target.str()}));
  manager.addPass(createInsertBarriersPass());
  manager.addPass(createPlanImagePass({target.str()}));
}

void tokopt::buildKernelPipeline(OpPassManager &manager,
                                 llvm::StringRef machine, bool printKernels) {
  ChooseKernelsPassOptions choose;
  choose.target = machine.str();
  choose.print = printKernels;
  manager.addPass(createChooseKernelsPass(choose));
  manager.addPass(createExpandKernelsPass({machine.str()}));
}

void tokopt::buildInstrumentPipeline(OpPassManager &manager,
                                     Instrumentation what) {
  if (what != Instrumentation::None)
    manager.addPass(
        createInstrumentProgramPass({what == Instrumentation::Values}));
}

namespace {

struct ProgramOptions : PassPipelineOptions<ProgramOptions> {
  Option<std::string> target{*this, "target",
                             llvm::cl::desc("What kernels run on: cpu or cuda"),
                             llvm::cl::init(kDefaultTarget.str())};
};

struct KernelOptions : PassPipelineOptions<KernelOptions> {
  Option<std::string> target{
      *this, "target",
      llvm::cl::desc("The machine: avx2, avx512vnni or avx512amx (cpu), sm_80 "
                     "or sm_90a (cuda)"),
      llvm::cl::init(kDefaultMachine.str())};
};

} // namespace

void tokopt::registerPasses() {
  registerReferencePasses();
  registerQuantizePasses();
  registerCachePasses();
  registerLowerPasses();
  registerCpuTargetPasses();
  static PassPipelineRegistration<ProgramOptions> program(
      "tok-program-pipeline", "From a model to the program of its steps",
      [](OpPassManager &manager, const ProgramOptions &options) {
        buildProgramPipeline(manager, options.target);
      });
  static PassPipelineRegistration<KernelOptions> kernels(
      "tok-kernel-pipeline",
      "From the program to functions of upstream dialects",
      [](OpPassManager &manager, const KernelOptions &options) {
        buildKernelPipeline(manager, options.target);
      });
}
