//===- BufferizeModel.cpp - Give tensors memory ---------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Passes.h"

#include "dialects/Tok/TokOps.h"

#include "mlir/Dialect/Arith/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/BufferUtils.h"
#include "mlir/Dialect/Bufferization/Transforms/FuncBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotModuleBufferize.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Transforms.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Linalg/Transforms/SubsetInsertionOpInterfaceImpl.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/IR/TensorInferTypeOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/Transforms/SubsetInsertionOpInterfaceImpl.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

namespace tokopt::reference {
#define GEN_PASS_DEF_BUFFERIZEMODELPASS
#include "lib/Reference/Passes.h.inc"
} // namespace tokopt::reference

using namespace mlir;
using namespace tokopt;

/// The buffer of an argument: the distance of rows is known at run time, a row
/// is dense. (With distances unknown throughout, which is the default, nothing
/// vectorizes.)
static bufferization::BufferLikeType
makeArgumentType(bufferization::TensorLikeType tensor, Attribute space,
                 func::FuncOp, const bufferization::BufferizationOptions &) {
  auto type = cast<RankedTensorType>(tensor);
  SmallVector<int64_t> strides(type.getRank(), 1);
  for (int64_t i = type.getRank() - 2; i >= 0; --i)
    strides[i] = i == 0 || type.isDynamicDim(i + 1)
                     ? ShapedType::kDynamic
                     : strides[i + 1] * type.getDimSize(i + 1);
  auto layout =
      StridedLayoutAttr::get(type.getContext(), ShapedType::kDynamic, strides);
  return cast<bufferization::BufferLikeType>(
      MemRefType::get(type.getShape(), type.getElementType(), layout, space));
}

namespace {

/// A probe reads its value where it stands.
struct BufferizeProbe
    : bufferization::BufferizableOpInterface::ExternalModel<BufferizeProbe,
                                                            tok::ProbeOp> {
  bool bufferizesToMemoryRead(Operation *, OpOperand &,
                              const bufferization::AnalysisState &) const {
    return true;
  }
  bool bufferizesToMemoryWrite(Operation *, OpOperand &,
                               const bufferization::AnalysisState &) const {
    return false;
  }
  bufferization::AliasingValueList
  getAliasingValues(Operation *, OpOperand &,
                    const bufferization::AnalysisState &) const {
    return {};
  }
  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const bufferization::BufferizationOptions &options,
                          bufferization::BufferizationState &state) const {
    auto probe = cast<tok::ProbeOp>(op);
    FailureOr<Value> buffer =
        bufferization::getBuffer(rewriter, probe.getValue(), options, state);
    if (failed(buffer))
      return failure();
    rewriter.replaceOpWithNewOp<tok::ProbeOp>(
        probe, probe.getNumber(), probe.getRowBegin(), probe.getRowEnd(),
        probe.getLayer(), *buffer);
    return success();
  }
};

struct BufferizeModelPass
    : reference::impl::BufferizeModelPassBase<BufferizeModelPass> {
  void getDependentDialects(DialectRegistry &registry) const override {
    BufferizeModelPassBase::getDependentDialects(registry);
    arith::registerBufferizableOpInterfaceExternalModels(registry);
    bufferization::func_ext::registerBufferizableOpInterfaceExternalModels(
        registry);
    linalg::registerBufferizableOpInterfaceExternalModels(registry);
    linalg::registerSubsetOpInterfaceExternalModels(registry);
    scf::registerBufferizableOpInterfaceExternalModels(registry);
    tensor::registerBufferizableOpInterfaceExternalModels(registry);
    tensor::registerInferTypeOpInterfaceExternalModels(registry);
    tensor::registerSubsetOpInterfaceExternalModels(registry);
    registry.addExtension(+[](MLIRContext *context, tok::TokDialect *) {
      tok::ProbeOp::attachInterface<BufferizeProbe>(*context);
    });
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    IRRewriter rewriter(&getContext());
    bufferization::OneShotBufferizationOptions options;
    options.bufferizeFunctionBoundaries = true;
    options.functionArgTypeConverterFn = makeArgumentType;
    // The bundler computes weights: their tensors never have memory here.
    options.opFilter.denyOperation([](Operation *op) {
      return isa<tok::WeightOp>(op) || op->getParentOfType<tok::WeightOp>();
    });
    bufferization::BufferizationState state;
    if (failed(nameConstants(module, options, state)) ||
        failed(bufferization::eliminateEmptyTensors(rewriter, module)) ||
        failed(
            bufferization::runOneShotModuleBufferize(module, options, state)) ||
        failed(dropResults(module)))
      return signalPassFailure();
    expandCopies(module, rewriter);
  }

private:
  /// Makes the buffers of constants in the order of the text. Bufferization
  /// makes them where it meets them, and in which order it takes functions that
  /// do not call each other changes from run to run.
  static LogicalResult
  nameConstants(ModuleOp module,
                const bufferization::OneShotBufferizationOptions &options,
                bufferization::BufferizationState &state) {
    WalkResult result = module.walk([&](arith::ConstantOp constant) {
      if (!isa<RankedTensorType>(constant.getType()))
        return WalkResult::advance();
      return WalkResult(bufferization::getGlobalFor(
          constant, state.getSymbolTables(), options.bufferAlignment));
    });
    return failure(result.wasInterrupted());
  }

  /// Drops the results that are arguments, of public functions too: nothing
  /// but the frame calls those.
  LogicalResult dropResults(ModuleOp module) {
    SmallVector<func::FuncOp> entries;
    for (auto function : module.getOps<func::FuncOp>())
      if (function.isPublic())
        entries.push_back(function);
    auto countResults = [&] {
      int64_t results = 0;
      for (auto function : module.getOps<func::FuncOp>())
        results += function.getNumResults();
      return results;
    };
    // What a callee returns shows to be an argument, and then, after a
    // clean-up, what its caller does.
    int64_t before;
    do {
      before = countResults();
      if (failed(cleanUp(module)))
        return failure();
      for (func::FuncOp entry : entries)
        entry.setPrivate();
      LogicalResult result = bufferization::dropEquivalentBufferResults(module);
      for (func::FuncOp entry : entries)
        entry.setPublic();
      if (failed(result))
        return failure();
    } while (countResults() < before);
    return cleanUp(module);
  }

  /// Makes equal what is equal, so that copies onto themselves show.
  LogicalResult cleanUp(ModuleOp module) {
    OpPassManager pm(ModuleOp::getOperationName());
    pm.addPass(createCanonicalizerPass());
    pm.addPass(createCSEPass());
    return runPipeline(pm, module);
  }

  static void expandCopies(ModuleOp module, IRRewriter &rewriter) {
    module.walk([&](memref::CopyOp copy) {
      if (copy.getSource() != copy.getTarget()) {
        rewriter.setInsertionPoint(copy);
        linalg::makeMemRefCopyOp(rewriter, copy.getLoc(), copy.getSource(),
                                 copy.getTarget());
      }
      rewriter.eraseOp(copy);
    });
  }
};

} // namespace
