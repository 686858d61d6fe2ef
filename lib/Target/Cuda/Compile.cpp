//===- Compile.cpp - A module of kernels, start to end --------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Common/CodeGenerator.h"
#include "lib/Target/Cuda/Cuda.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"

using namespace mlir;
using namespace tokopt;
using llvm::Expected;

Expected<CudaCode>
tokopt::compileCudaModule(ModuleOp module,
                          const CudaArchitecture &architecture) {
  MLIRContext *context = module.getContext();
  DialectRegistry registry;
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
  context->appendDialectRegistry(registry);
  // What makes a function a kernel is translated by its dialect, which a file
  // need not have loaded.
  context->loadDialect<LLVM::LLVMDialect, NVVM::NVVMDialect>();
  ErrorCollector errors(context, architecture.name);

  CudaCode code;
  FailureOr<std::vector<CudaKernel>> kernels = makeKernels(module);
  if (failed(kernels))
    return errors.makeError("the kernels cannot be compiled");
  code.kernels = std::move(*kernels);
  for (const CudaKernel &kernel : code.kernels)
    if (kernel.sharedBytes > architecture.sharedBytes)
      return llvm::createStringError(
          llvm::inconvertibleErrorCode(),
          "kernel " + kernel.name + " asks for " +
              llvm::Twine(kernel.sharedBytes) +
              " bytes of shared memory, but a block on " + architecture.name +
              " has at most " + llvm::Twine(architecture.sharedBytes));

  PassManager pm(context);
  addCudaLoweringPasses(pm);
  if (failed(pm.run(module)))
    return errors.makeError("lowering to the LLVM dialect failed");
  if (failed(checkTranslation(module)))
    return errors.makeError("the kernels cannot be compiled");
  llvm::LLVMContext llvmContext;
  auto llvmModule = translateModule(module, llvmContext, errors);
  if (!llvmModule)
    return llvmModule.takeError();
  if (llvm::Error error = generatePtx(**llvmModule, architecture, code))
    return error;
  return code;
}
