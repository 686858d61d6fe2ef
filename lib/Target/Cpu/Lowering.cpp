//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From upstream dialects to the LLVM dialect.
//
//===----------------------------------------------------------------------===//

#include "Cpu.h"
#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace {

/// What is not a machine's operation becomes several that are: functions of
/// `math` become polynomials, so that no call to libm is left (upstream has the
/// patterns, but no pass outside its tests); then divisions that round up or
/// down, strided memrefs and `affine`. One walk does it all.
struct ExpandPass : PassWrapper<ExpandPass, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ExpandPass)

  StringRef getArgument() const override { return "tok-expand"; }
  StringRef getDescription() const override {
    return "Expand math functions, affine expressions and strided memrefs";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<affine::AffineDialect, arith::ArithDialect,
                    math::MathDialect, memref::MemRefDialect, scf::SCFDialect,
                    vector::VectorDialect>();
  }

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

/// Everything that is not of the vector dialect, in one conversion: the cost of
/// a conversion is mostly that of walking the module.
struct ConvertToLLVMDialectPass
    : PassWrapper<ConvertToLLVMDialectPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ConvertToLLVMDialectPass)

  explicit ConvertToLLVMDialectPass(bool barePointers)
      : barePointers(barePointers) {}

  StringRef getArgument() const override { return "tok-convert-to-llvm"; }
  StringRef getDescription() const override {
    return "Convert func, cf, arith, math, memref, index and ub to LLVM";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<LLVM::LLVMDialect>();
  }

  void runOnOperation() override {
    MLIRContext *context = &getContext();
    LowerToLLVMOptions options(context);
    options.useBarePtrCallConv = barePointers;
    LLVMTypeConverter converter(context, options);
    SymbolTableCollection symbols;
    RewritePatternSet patterns(context);
    populateFuncToLLVMConversionPatterns(converter, patterns, &symbols);
    cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
    arith::populateArithToLLVMConversionPatterns(converter, patterns);
    populateMathToLLVMConversionPatterns(converter, patterns);
    populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns,
                                                   &symbols);
    index::populateIndexToLLVMConversionPatterns(converter, patterns);
    ub::populateUBToLLVMConversionPatterns(converter, patterns);
    LLVMConversionTarget target(*context);
    target.addLegalOp<ModuleOp>();
    ConversionConfig config;
    // Nothing is tried twice, so nothing need be remembered.
    config.allowPatternRollback = false;
    if (failed(applyFullConversion(getOperation(), target, std::move(patterns),
                                   config)))
      signalPassFailure();
  }

  bool barePointers;
};

} // namespace

void tokopt::addLoweringPasses(PassManager &pm, bool barePointers) {
  OpPassManager &function = pm.nest<func::FuncOp>();
  function.addPass(createCanonicalizerPass());
  function.addPass(createCSEPass());
  function.addPass(std::make_unique<ExpandPass>());
  function.addPass(createSCFToControlFlowPass());
  function.addPass(createConvertVectorToLLVMPass());
  pm.addPass(std::make_unique<ConvertToLLVMDialectPass>(barePointers));
  pm.addPass(createReconcileUnrealizedCastsPass());
}
