//===- Lowering.cpp - From upstream dialects to kernels of LLVM -----------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Cuda/Cuda.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/LLVMIR/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace tokopt;

/// Numbers and pointers to global memory are what a launch can hand over, and
/// maps of tensors, by value.
static bool isKernelArgument(Type type) {
  if (auto pointer = dyn_cast<LLVM::LLVMPointerType>(type))
    return pointer.getAddressSpace() <= 1;
  return type.isF32() || type.isInteger(32) || type.isInteger(64);
}

/// Whether PTX can call something `name` (PTX ISA, "Identifiers").
static bool isIdentifier(StringRef name) {
  auto follows = [](char c) {
    return llvm::isAlnum(c) || c == '_' || c == '$';
  };
  return !name.empty() && !llvm::isDigit(name.front()) &&
         llvm::all_of(name, follows);
}

/// CUtensorMap, by the CUDA driver API.
static constexpr int64_t kTensorMapBytes = 128, kTensorMapAlignment = 64;

FailureOr<CudaKernel> tokopt::readKernel(func::FuncOp function) {
  auto launch = function->getAttrOfType<DictionaryAttr>(tok::kLaunchAttrName);
  if (!isIdentifier(function.getName()))
    return function.emitError("expects the name of a kernel to be letters, "
                              "digits, '_' and '$', and to begin with no "
                              "digit, but got '")
           << function.getName() << "'";
  if (function.isExternal())
    return function.emitError("expects a kernel to have a body");
  if (function.getNumResults())
    return function.emitError("expects a kernel without results");
  for (Type type : function.getArgumentTypes())
    if (!isKernelArgument(type))
      return function.emitError("expects arguments of a kernel to be i32, i64, "
                                "f32, !llvm.ptr<1>, or !llvm.ptr for the map "
                                "of a tensor, but got ")
             << type;
  FailureOr<std::vector<CudaTensorMap>> maps = readTensorMaps(function);
  if (failed(maps))
    return failure();
  CudaKernel kernel{function.getName().str(),
                    launch.getAs<IntegerAttr>("threads").getInt(),
                    launch.getAs<IntegerAttr>("shared").getInt()};
  if (auto rows = launch.getAs<IntegerAttr>("rows"))
    kernel.rows = rows.getInt();
  if (auto parts = launch.getAs<IntegerAttr>("parts"))
    kernel.parts = parts.getInt();
  if (auto splits = launch.getAs<IntegerAttr>("splits"))
    kernel.splits = splits.getInt();
  kernel.maps = std::move(*maps);
  return kernel;
}

static FailureOr<CudaKernel> makeKernel(func::FuncOp function) {
  FailureOr<CudaKernel> read = readKernel(function);
  if (failed(read))
    return failure();
  const CudaKernel &kernel = *read;
  auto launch = function->getAttrOfType<DictionaryAttr>(tok::kLaunchAttrName);
  OpBuilder builder(function);
  auto type =
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder.getContext()),
                                  function.getArgumentTypes());
  auto made =
      LLVM::LLVMFuncOp::create(builder, function.getLoc(), kernel.name, type);
  made->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(),
                builder.getUnitAttr());
  made->setAttr(
      NVVM::NVVMDialect::getReqntidAttrName(),
      builder.getDenseI32ArrayAttr({static_cast<int32_t>(kernel.threads)}));
  // A map is part of the arguments' own memory, where it must stay.
  auto map = LLVM::LLVMArrayType::get(builder.getI8Type(), kTensorMapBytes);
  for (const CudaTensorMap &description : kernel.maps) {
    unsigned number = description.argument;
    made.setArgAttr(number, LLVM::LLVMDialect::getByValAttrName(),
                    TypeAttr::get(map));
    made.setArgAttr(number, LLVM::LLVMDialect::getAlignAttrName(),
                    builder.getI64IntegerAttr(kTensorMapAlignment));
    made.setArgAttr(number, NVVM::NVVMDialect::getGridConstantAttrName(),
                    builder.getUnitAttr());
  }
  // Registers are given out for so many blocks; without a number ptxas finds
  // one, and spills to reach it.
  if (auto blocks = launch.getAs<IntegerAttr>("blocks"))
    made->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                  builder.getI32IntegerAttr(blocks.getInt()));
  made.getBody().takeBody(function.getBody());
  SmallVector<func::ReturnOp> returns;
  made.walk([&](func::ReturnOp op) { returns.push_back(op); });
  for (func::ReturnOp op : returns) {
    builder.setInsertionPoint(op);
    LLVM::ReturnOp::create(builder, op.getLoc(), ValueRange());
    op.erase();
  }
  function.erase();
  return read;
}

FailureOr<std::vector<CudaKernel>> tokopt::makeKernels(ModuleOp module) {
  std::vector<CudaKernel> kernels;
  for (auto function :
       llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
    if (!function->hasAttr(tok::kLaunchAttrName)) {
      function.erase();
      continue;
    }
    FailureOr<CudaKernel> kernel = makeKernel(function);
    if (failed(kernel))
      return failure();
    kernels.push_back(std::move(*kernel));
  }
  if (kernels.empty())
    return emitError(module.getLoc())
           << "has no kernel: expected a func.func with '"
           << tok::kLaunchAttrName << "'";
  return kernels;
}

namespace {

/// Upstream makes inline assembly of an arrival at a barrier, which nothing
/// here can check; the backend has an intrinsic.
struct ConvertArrival : OpConversionPattern<NVVM::BarrierArriveOp> {
  using OpConversionPattern::OpConversionPattern;
  LogicalResult
  matchAndRewrite(NVVM::BarrierArriveOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Value id = adaptor.getBarrierId();
    if (!id)
      id = LLVM::ConstantOp::create(rewriter, op.getLoc(),
                                    rewriter.getI32IntegerAttr(0));
    rewriter.replaceOpWithNewOp<LLVM::CallIntrinsicOp>(
        op,
        rewriter.getStringAttr("llvm.nvvm.barrier.cta.arrive.aligned.count"),
        ValueRange{id, adaptor.getNumberOfThreads()});
    return success();
  }
};

struct ConvertKernelsPass
    : PassWrapper<ConvertKernelsPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ConvertKernelsPass)

  StringRef getArgument() const override { return "tok-convert-cuda-to-llvm"; }
  StringRef getDescription() const override {
    return "Convert arith, math, cf and vector of kernels to LLVM";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<LLVM::LLVMDialect>();
  }

  void runOnOperation() override {
    MLIRContext *context = &getContext();
    LLVMTypeConverter converter(context);
    RewritePatternSet patterns(context);
    cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
    arith::populateArithToLLVMConversionPatterns(converter, patterns);
    populateMathToLLVMConversionPatterns(converter, patterns);
    populateVectorToLLVMConversionPatterns(converter, patterns);
    patterns.add<ConvertArrival>(converter, context);
    LLVMConversionTarget target(*context);
    target.addLegalOp<ModuleOp>();
    target.addLegalDialect<NVVM::NVVMDialect>();
    target.addIllegalOp<NVVM::BarrierArriveOp>();
    if (failed(
            applyFullConversion(getOperation(), target, std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace

void tokopt::addCudaLoweringPasses(PassManager &pm) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createConvertVectorToLLVMPass());
  pm.addPass(std::make_unique<ConvertKernelsPass>());
  // Lines of the templates, for the simulator's reports and for profiles.
  pm.addPass(LLVM::createDIScopeForLLVMFuncOpPass(
      {LLVM::DIEmissionKind::DebugDirectivesOnly}));
}
