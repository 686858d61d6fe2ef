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

void tokopt::buildProgramPipeline(OpPassManager &manager) {
  manager.addPass(createLowerToProgramPass());
  manager.addPass(createSpecializeFewRowsPass());
  manager.addPass(createPlanBuffersPass());
  manager.addPass(createInsertBarriersPass());
  manager.addPass(createPlanImagePass());
}

void tokopt::buildKernelPipeline(OpPassManager &manager, llvm::StringRef target,
                                 bool printKernels) {
  ChooseKernelsPassOptions choose;
  choose.target = target.str();
  choose.print = printKernels;
  manager.addPass(createChooseKernelsPass(choose));
  ExpandKernelsPassOptions expand;
  expand.target = target.str();
  manager.addPass(createExpandKernelsPass(expand));
}

namespace {

struct TargetOptions : PassPipelineOptions<TargetOptions> {
  Option<std::string> target{*this, "target",
                             llvm::cl::desc("ISA level: avx2 or avx512vnni"),
                             llvm::cl::init("avx2")};
};

} // namespace

void tokopt::registerPasses() {
  registerReferencePasses();
  registerQuantizePasses();
  registerCachePasses();
  registerLowerPasses();
  registerCpuTargetPasses();
  static PassPipelineRegistration<> program(
      "tok-program-pipeline", "From a model to the program of its steps",
      [](OpPassManager &manager) { buildProgramPipeline(manager); });
  static PassPipelineRegistration<TargetOptions> kernels(
      "tok-kernel-pipeline",
      "From the program to functions of upstream dialects",
      [](OpPassManager &manager, const TargetOptions &options) {
        buildKernelPipeline(manager, options.target);
      });
}
