//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A module, start to end.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Common/CodeGenerator.h"
#include "lib/Target/Common/Parallel.h"
#include "lib/Target/Cpu/Cpu.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"

using namespace mlir;
using namespace tokopt;
using llvm::Expected;

static void registerTranslations(DialectRegistry &registry) {
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

/// Whether `symbol` is for others to see. What is of the LLVM dialect says so
/// by its linkage.
static bool isExported(SymbolOpInterface symbol) {
  auto global = dyn_cast<LLVM::GlobalOp>(*symbol);
  if (global && (global.getLinkage() == LLVM::Linkage::Private ||
                 global.getLinkage() == LLVM::Linkage::Internal))
    return false;
  return symbol.isPublic() && !symbol.isDeclaration();
}

/// The public functions and globals that have a definition.
static llvm::StringSet<> getExportedNames(ModuleOp module) {
  llvm::StringSet<> names;
  for (auto symbol : module.getOps<SymbolOpInterface>())
    if (isExported(symbol))
      names.insert(symbol.getName());
  return names;
}

Expected<llvm::SmallVector<char, 0>>
tokopt::compileModule(ModuleOp module, const IsaLevel &level,
                      const CpuCompileOptions &options) {
  MLIRContext *context = module.getContext();
  DialectRegistry registry;
  registerTranslations(registry);
  context->appendDialectRegistry(registry);
  ErrorCollector errors(context, level.name);

  llvm::StringSet<> exported = getExportedNames(module);
  PassManager pm(context);
  if (options.configure && failed(options.configure(pm)))
    return errors.makeError("invalid options for the pass manager");
  addLoweringPasses(pm, options.barePointers);
  if (failed(pm.run(module)))
    return errors.makeError("lowering to the LLVM dialect failed");

  llvm::LLVMContext llvmContext;
  auto llvmModule = translateModule(module, llvmContext, errors);
  if (!llvmModule)
    return llvmModule.takeError();
  return generateCode(**llvmModule, level, options.emit, exported);
}

/// Compiles a module in a context of its own.
static Expected<llvm::SmallVector<char, 0>>
compilePortable(const PortableModule &portable, const IsaLevel &level,
                const CpuCompileOptions &options) {
  // One thread a job: the jobs are what runs side by side.
  MLIRContext context(portable.registry, MLIRContext::Threading::DISABLED);
  auto module = portable.read(&context, level.name);
  if (!module)
    return module.takeError();
  return compileModule(**module, level, options);
}

Expected<std::vector<llvm::SmallVector<char, 0>>>
tokopt::compileInParallel(ArrayRef<CompileJob> jobs,
                          const CpuCompileOptions &options) {
  std::vector<PortableModule> modules;
  for (const CompileJob &job : jobs) {
    auto portable = PortableModule::create<
        affine::AffineDialect, arith::ArithDialect, cf::ControlFlowDialect,
        func::FuncDialect, index::IndexDialect, LLVM::LLVMDialect,
        math::MathDialect, memref::MemRefDialect, scf::SCFDialect,
        ub::UBDialect, vector::VectorDialect>(job.module);
    if (!portable)
      return portable.takeError();
    modules.push_back(std::move(*portable));
  }
  return makeInParallel<llvm::SmallVector<char, 0>>(
      jobs.size(), [&](size_t index) {
        return compilePortable(modules[index], *jobs[index].level, options);
      });
}
