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
#include "lib/Target/Cpu/Cpu.h"

#include "mlir/Bytecode/BytecodeWriter.h"
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
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/ThreadPool.h"
#include "llvm/Support/raw_ostream.h"

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

/// Compiles a module from its bytecode, in a new context.
static Expected<llvm::SmallVector<char, 0>>
compileBytecode(StringRef bytecode, const DialectRegistry &registry,
                const IsaLevel &level, const CpuCompileOptions &options) {
  // One thread a job: the jobs are what runs side by side.
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  OwningOpRef<ModuleOp> module;
  {
    ErrorCollector errors(&context, level.name);
    module = parseSourceString<ModuleOp>(bytecode, &context);
    if (!module)
      return errors.makeError("the module cannot be copied");
  }
  return compileModule(*module, level, options);
}

Expected<std::vector<llvm::SmallVector<char, 0>>>
tokopt::compileInParallel(ArrayRef<CompileJob> jobs,
                          const CpuCompileOptions &options) {
  using Result = std::optional<Expected<llvm::SmallVector<char, 0>>>;
  std::vector<std::string> bytecodes(jobs.size());
  std::vector<DialectRegistry> registries(jobs.size());
  std::vector<Result> results(jobs.size());
  for (auto [index, job] : llvm::enumerate(jobs)) {
    llvm::raw_string_ostream stream(bytecodes[index]);
    if (failed(writeBytecodeToFile(job.module, stream)))
      return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                     "a module cannot be written as bytecode");
    registries[index]
        .insert<affine::AffineDialect, arith::ArithDialect,
                cf::ControlFlowDialect, func::FuncDialect, index::IndexDialect,
                LLVM::LLVMDialect, math::MathDialect, memref::MemRefDialect,
                scf::SCFDialect, ub::UBDialect, vector::VectorDialect>();
    // Whatever else the module may be made of.
    ModuleOp(job.module)
        .getContext()
        ->getDialectRegistry()
        .appendTo(registries[index]);
  }

  llvm::DefaultThreadPool pool(
      llvm::hardware_concurrency(static_cast<unsigned>(jobs.size())));
  for (auto [index, job] : llvm::enumerate(jobs))
    pool.async([&, index = index, level = job.level] {
      results[index].emplace(compileBytecode(
          bytecodes[index], registries[index], *level, options));
    });
  pool.wait();

  std::vector<llvm::SmallVector<char, 0>> objects;
  llvm::Error error = llvm::Error::success();
  for (Result &result : results) {
    if (*result)
      objects.push_back(std::move(**result));
    else if (!error)
      error = result->takeError();
    else
      llvm::consumeError(result->takeError());
  }
  if (error)
    return error;
  return objects;
}
