//===- CodeGenerator.cpp - LLVM, set up for a target ----------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Common/CodeGenerator.h"

#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/DiagnosticHandler.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Verifier.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace tokopt;

Error tokopt::makeCodeError(StringRef target, const Twine &message) {
  return createStringError(inconvertibleErrorCode(),
                           "generating code for " + target + ": " + message);
}

//===----------------------------------------------------------------------===//
// MLIR
//===----------------------------------------------------------------------===//

/// `kernels.mlir:3:5: `, or nothing where there is no place in a file.
static void writePlace(raw_ostream &os, mlir::Location location) {
  if (auto place = location->findInstanceOf<mlir::FileLineColLoc>())
    os << place.getFilename().getValue() << ":" << place.getLine() << ":"
       << place.getColumn() << ": ";
}

ErrorCollector::ErrorCollector(mlir::MLIRContext *context, StringRef target)
    : target(target), handler(context, [this](mlir::Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() != mlir::DiagnosticSeverity::Error)
          return mlir::failure(); // for the next handler
        raw_string_ostream stream(text);
        stream << (text.empty() ? "" : "; ");
        writePlace(stream, diagnostic.getLocation());
        stream << diagnostic;
        for (mlir::Diagnostic &note : diagnostic.getNotes()) {
          std::string text = note.str();
          // The op itself, which may be a whole function. Its place is told.
          if (StringRef(text).starts_with("see current operation"))
            continue;
          stream << " (";
          writePlace(stream, note.getLocation());
          stream << text << ")";
        }
        return mlir::success();
      }) {}

Error ErrorCollector::makeError(StringRef fallback) const {
  return makeCodeError(target, text.empty() ? fallback : StringRef(text));
}

Expected<std::unique_ptr<Module>>
tokopt::translateModule(mlir::ModuleOp module, LLVMContext &context,
                        const ErrorCollector &errors) {
  // It would print what LLVM's verifier says.
  std::unique_ptr<Module> translated = mlir::translateModuleToLLVMIR(
      module, context, "tokopt", /*disableVerification=*/true);
  if (!translated)
    return errors.makeError("translation to LLVM IR failed");
  std::string problem;
  raw_string_ostream stream(problem);
  if (verifyModule(*translated, &stream))
    return errors.makeError("translation gave LLVM IR that is not valid: " +
                            problem);
  return translated;
}

//===----------------------------------------------------------------------===//
// LLVM
//===----------------------------------------------------------------------===//

namespace {

/// Keeps the first error of the code generator instead of printing it and
/// ending the process.
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

CodeGenerator::CodeGenerator(Module &module, StringRef target,
                             std::unique_ptr<TargetMachine> machine)
    : module(module), target(target), machine(std::move(machine)),
      previous(module.getContext().getDiagnosticHandler()) {
  module.getContext().setDiagnosticHandler(
      std::make_unique<ErrorKeeper>(problem));
}

CodeGenerator::~CodeGenerator() {
  module.getContext().setDiagnosticHandler(std::move(previous));
}

Expected<std::unique_ptr<CodeGenerator>>
CodeGenerator::create(Module &module, const MachineOptions &options) {
  Triple triple(options.triple);
  std::string problem;
  const Target *backend = TargetRegistry::lookupTarget(triple, problem);
  if (!backend)
    return makeCodeError(options.target, problem);
  std::unique_ptr<TargetMachine> machine(backend->createTargetMachine(
      triple, options.cpu, options.features, TargetOptions(),
      options.relocation, options.codeModel, CodeGenOptLevel::Aggressive));
  module.setTargetTriple(triple);
  module.setDataLayout(machine->createDataLayout());
  return std::unique_ptr<CodeGenerator>(
      new CodeGenerator(module, options.target, std::move(machine)));
}

/// There is no library: code must not become a call of one.
static TargetLibraryInfoImpl makeLibraryInfo(const TargetMachine &machine) {
  TargetLibraryInfoImpl info(machine.getTargetTriple());
  info.disableAllFunctions();
  return info;
}

void CodeGenerator::optimize() {
  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager components;
  ModuleAnalysisManager modules;
  PassBuilder builder(machine.get());
  functions.registerPass(
      [&] { return TargetLibraryAnalysis(makeLibraryInfo(*machine)); });
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  builder.buildPerModuleDefaultPipeline(OptimizationLevel::O3)
      .run(module, modules);
}

Error CodeGenerator::emit(CodeGenFileType type, raw_pwrite_stream &stream) {
  legacy::PassManager passes;
  passes.add(new TargetLibraryInfoWrapperPass(makeLibraryInfo(*machine)));
  if (machine->addPassesToEmitFile(passes, stream, nullptr, type))
    return makeCodeError(target, "this LLVM cannot write such a file");
  passes.run(module);
  return takeError();
}

Error CodeGenerator::takeError() const {
  return problem.empty() ? Error::success() : makeCodeError(target, problem);
}
