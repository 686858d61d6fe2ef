//===- Lowering.cpp - From a model to loops over buffers ------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tokopt/Reference.h"

#include "Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace tokopt;

static void addCleanUp(OpPassManager &pm) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

static void buildPipeline(OpPassManager &pm) {
  pm.addPass(reference::createDecomposePass());
  pm.addNestedPass<func::FuncOp>(createConvertElementwiseToLinalgPass());
  pm.addPass(reference::createBufferizeModelPass());
  pm.addPass(reference::createPlaceTemporariesPass());
  pm.addPass(reference::createExpandProbesPass());
  pm.addPass(reference::createWrapEntriesPass());
  pm.addPass(reference::createTrapAssertionsPass());
  pm.addNestedPass<func::FuncOp>(createConvertLinalgToLoopsPass());
  addCleanUp(pm);
  pm.addNestedPass<func::FuncOp>(createLoopInvariantCodeMotionPass());
}

LogicalResult tokopt::lowerToReference(
    ModuleOp module,
    llvm::function_ref<LogicalResult(PassManager &)> configure) {
  PassManager pm(module.getContext());
  if (configure && failed(configure(pm)))
    return failure();
  buildPipeline(pm);
  return pm.run(module);
}

LogicalResult tokopt::instrumentForReference(ModuleOp module, bool values) {
  PassManager pm(module.getContext());
  pm.addPass(reference::createInstrumentModelPass({values}));
  return pm.run(module);
}

void tokopt::registerReferencePasses() {
  reference::registerReferencePasses();
  PassPipelineRegistration<>(
      "tok-lower-to-reference",
      "Lower a model to loops over buffers by the definitions of its ops",
      buildPipeline);
}
