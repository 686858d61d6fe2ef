//===- Compile.cpp - A module of kernels, start to end --------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Cuda/Cuda.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace tokopt;
using llvm::Expected;

namespace {

/// Collects the errors a piece of work reports.
class ErrorCollector {
public:
  explicit ErrorCollector(MLIRContext *context)
      : handler(context, [this](Diagnostic &diagnostic) {
          if (diagnostic.getSeverity() != DiagnosticSeverity::Error)
            return failure(); // for the next handler
          llvm::raw_string_ostream stream(text);
          stream << (text.empty() ? "" : "; ") << diagnostic.getLocation()
                 << ": " << diagnostic;
          return success();
        }) {}

  llvm::Error makeError(StringRef fallback) const {
    return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                   text.empty() ? fallback : StringRef(text));
  }

private:
  std::string text;
  ScopedDiagnosticHandler handler;
};

} // namespace

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
  ErrorCollector errors(context);

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
  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::Module> llvmModule =
      translateModuleToLLVMIR(module, llvmContext, "tokopt");
  if (!llvmModule)
    return errors.makeError("translation to LLVM IR failed");
  if (llvm::Error error = generatePtx(*llvmModule, architecture, code))
    return error;
  return code;
}
