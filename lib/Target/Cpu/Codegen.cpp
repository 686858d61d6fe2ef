//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From LLVM IR to machine code.
//
//===----------------------------------------------------------------------===//

#include "Cpu.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include <mutex>

using namespace llvm;
using namespace tokopt;

static Error makeError(const IsaLevel &level, const Twine &message) {
  return createStringError(inconvertibleErrorCode(), "generating code for " +
                                                         level.name + ": " +
                                                         message);
}

/// The code generator for `level`, or an error if LLVM was built without it.
static Expected<std::unique_ptr<TargetMachine>>
makeTargetMachine(const Triple &triple, const IsaLevel &level) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser(); // for inline assembly
  });
  std::string problem;
  const Target *target = TargetRegistry::lookupTarget(triple, problem);
  if (!target)
    return makeError(level, problem);
  TargetOptions options;
  return std::unique_ptr<TargetMachine>(target->createTargetMachine(
      triple, level.cpu, level.llvmFeatures, options, Reloc::PIC_,
      CodeModel::Small, CodeGenOptLevel::Aggressive));
}

/// Linkage, names and attributes of what `module` defines.
static Error finishSymbols(Module &module, const IsaLevel &level,
                           const StringSet<> &exported) {
  auto finish = [&](GlobalValue &value) {
    value.setLinkage(exported.contains(value.getName())
                         ? GlobalValue::ExternalLinkage
                         : GlobalValue::InternalLinkage);
    value.setVisibility(GlobalValue::DefaultVisibility);
    value.setDSOLocal(true);
    value.setName(value.getName() + "." + level.name);
  };
  for (GlobalVariable &variable : module.globals()) {
    if (variable.isDeclaration())
      continue;
    if (!variable.isConstant())
      return makeError(level, "the global " + variable.getName() +
                                  " is not constant; generated code must keep "
                                  "all state in the frame");
    finish(variable);
  }
  for (Function &function : module) {
    if (function.isDeclaration())
      continue;
    finish(function);
    function.addFnAttr(Attribute::NoUnwind);
    // Loops must not be turned into calls of a C library.
    function.addFnAttr("no-builtins");
    // The workers run with flush-to-zero and denormals-are-zero.
    function.addFnAttr("denormal-fp-math", "preserve-sign,preserve-sign");
    function.addFnAttr("prefer-vector-width", std::to_string(level.vectorBits));
  }
  return Error::success();
}

static TargetLibraryInfoImpl makeLibraryInfo(const Triple &triple) {
  TargetLibraryInfoImpl info(triple);
  info.disableAllFunctions();
  return info;
}

static void optimize(Module &module, TargetMachine &machine) {
  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager components;
  ModuleAnalysisManager modules;
  PassBuilder builder(&machine);
  functions.registerPass([&] {
    return TargetLibraryAnalysis(makeLibraryInfo(machine.getTargetTriple()));
  });
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  builder.buildPerModuleDefaultPipeline(OptimizationLevel::O3)
      .run(module, modules);
}

/// Fails if the linker would have to look for something.
static Error checkUndefinedSymbols(StringRef object, const IsaLevel &level) {
  auto file = object::ObjectFile::createELFObjectFile(
      MemoryBufferRef(object, "tokopt"));
  if (!file)
    return file.takeError();
  std::string names;
  for (object::SymbolRef symbol : (*file)->symbols()) {
    Expected<uint32_t> flags = symbol.getFlags();
    if (!flags)
      return flags.takeError();
    if (!(*flags & object::SymbolRef::SF_Undefined) ||
        (*flags & object::SymbolRef::SF_FormatSpecific))
      continue;
    Expected<StringRef> name = symbol.getName();
    if (!name)
      return name.takeError();
    names += names.empty() ? "" : ", ";
    names += *name;
  }
  if (names.empty())
    return Error::success();
  return makeError(level,
                   "the code calls what nothing defines: " + names +
                       "; a bundle links no library, so the operation behind "
                       "each must be lowered to instructions or a polynomial");
}

namespace {

/// Keeps the first error of the code generator instead of printing it and
/// ending the process.
struct ErrorKeeper : DiagnosticHandler {
  explicit ErrorKeeper(std::string &text) : text(text) {}

  bool handleDiagnostics(const DiagnosticInfo &info) override {
    if (info.getSeverity() != DS_Error)
      return true;
    if (text.empty()) {
      raw_string_ostream stream(text);
      DiagnosticPrinterRawOStream printer(stream);
      info.print(printer);
    }
    return true;
  }

  std::string &text;
};

} // namespace

Expected<SmallVector<char, 0>>
tokopt::generateCode(Module &module, const IsaLevel &level, EmitKind emit,
                     const StringSet<> &exported) {
  Triple triple("x86_64-unknown-linux-gnu");
  auto machine = makeTargetMachine(triple, level);
  if (!machine)
    return machine.takeError();
  module.setTargetTriple(triple);
  module.setDataLayout((*machine)->createDataLayout());
  module.setPICLevel(PICLevel::BigPIC);
  if (Error error = checkIntrinsics(module, level))
    return error;
  if (Error error = finishSymbols(module, level, exported))
    return error;

  std::string problem;
  module.getContext().setDiagnosticHandler(
      std::make_unique<ErrorKeeper>(problem));
  optimize(module, **machine);
  addMemoryFunctions(module);

  SmallVector<char, 0> output;
  raw_svector_ostream stream(output);
  if (emit == EmitKind::LLVMIR) {
    module.print(stream, nullptr);
  } else {
    legacy::PassManager passes;
    passes.add(new TargetLibraryInfoWrapperPass(makeLibraryInfo(triple)));
    auto type = emit == EmitKind::Object ? CodeGenFileType::ObjectFile
                                         : CodeGenFileType::AssemblyFile;
    if ((*machine)->addPassesToEmitFile(passes, stream, nullptr, type))
      return makeError(level, "this LLVM cannot write such a file");
    passes.run(module);
  }
  if (!problem.empty())
    return makeError(level, problem);
  if (emit == EmitKind::Object)
    if (Error error = checkUndefinedSymbols(
            StringRef(output.data(), output.size()), level))
      return error;
  return output;
}
