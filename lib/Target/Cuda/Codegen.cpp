//===- Codegen.cpp - From LLVM IR to PTX ----------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Cuda/Cuda.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"

#include <mutex>

using namespace llvm;
using namespace tokopt;

static Error makeError(const CudaArchitecture &architecture,
                       const Twine &message) {
  return createStringError(inconvertibleErrorCode(), "generating code for " +
                                                         architecture.name +
                                                         ": " + message);
}

static Expected<std::unique_ptr<TargetMachine>>
makeTargetMachine(const Triple &triple, const CudaArchitecture &architecture) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
  });
  std::string problem;
  const Target *target = TargetRegistry::lookupTarget(triple, problem);
  if (!target)
    return makeError(architecture, problem);
  return std::unique_ptr<TargetMachine>(target->createTargetMachine(
      triple, architecture.name, "+ptx" + utostr(architecture.ptxVersion),
      TargetOptions(), std::nullopt, std::nullopt,
      CodeGenOptLevel::Aggressive));
}

static void optimize(Module &module, TargetMachine &machine) {
  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager components;
  ModuleAnalysisManager modules;
  PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  builder.buildPerModuleDefaultPipeline(OptimizationLevel::O3)
      .run(module, modules);
}

namespace {

/// Keeps the first error of the backend instead of ending the process.
struct ErrorKeeper : DiagnosticHandler {
  explicit ErrorKeeper(std::string &text) : text(text) {}

  bool handleDiagnostics(const DiagnosticInfo &info) override {
    if (info.getSeverity() == DS_Error && text.empty()) {
      raw_string_ostream stream(text);
      DiagnosticPrinterRawOStream printer(stream);
      info.print(printer);
    }
    return true;
  }

  std::string &text;
};

} // namespace

static std::string hashOf(StringRef text) {
  SHA256 hash;
  hash.update(text);
  return toHex(hash.final(), /*LowerCase=*/true).substr(0, 16);
}

Error tokopt::generatePtx(Module &module, const CudaArchitecture &architecture,
                          CudaCode &code) {
  Triple triple("nvptx64-nvidia-cuda");
  auto machine = makeTargetMachine(triple, architecture);
  if (!machine)
    return machine.takeError();
  module.setTargetTriple(triple);
  module.setDataLayout((*machine)->createDataLayout());
  if (Error error = checkInstructions(module, architecture))
    return error;

  std::string problem;
  module.getContext().setDiagnosticHandler(
      std::make_unique<ErrorKeeper>(problem));
  optimize(module, **machine);
  raw_string_ostream(code.llvmIR) << module;
  code.hash = hashOf(code.llvmIR);

  SmallVector<char, 0> output;
  raw_svector_ostream stream(output);
  legacy::PassManager passes;
  if ((*machine)->addPassesToEmitFile(passes, stream, nullptr,
                                      CodeGenFileType::AssemblyFile))
    return makeError(architecture, "this LLVM cannot write PTX");
  passes.run(module);
  if (!problem.empty())
    return makeError(architecture, problem);
  code.ptx.assign(output.begin(), output.end());
  return Error::success();
}
