//===- CodeGenerator.h - LLVM, set up for a target --------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What all targets do alike: errors are collected instead of printed, LLVM's
// O3 pipeline runs, and a file is written.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_TARGET_COMMON_CODEGENERATOR_H
#define TOKOPT_LIB_TARGET_COMMON_CODEGENERATOR_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"
#include "llvm/Target/TargetMachine.h"

namespace tokopt {

/// An error about code for `target`, such as `avx2` or `sm_80`.
llvm::Error makeCodeError(llvm::StringRef target, const llvm::Twine &message);

/// Collects the errors of MLIR as long as it lives.
class ErrorCollector {
public:
  ErrorCollector(mlir::MLIRContext *context, llvm::StringRef target);

  /// What was collected, or `fallback` if that is nothing.
  llvm::Error makeError(llvm::StringRef fallback) const;

private:
  llvm::StringRef target;
  std::string text;
  mlir::ScopedDiagnosticHandler handler;
};

/// Translates a module of the LLVM dialect. `errors` hears why it failed.
llvm::Expected<std::unique_ptr<llvm::Module>>
translateModule(mlir::ModuleOp module, llvm::LLVMContext &context,
                const ErrorCollector &errors);

/// What LLVM is told of a target, and by what name errors call it.
struct MachineOptions {
  llvm::StringRef target, triple, cpu, features;
  std::optional<llvm::Reloc::Model> relocation = std::nullopt;
  std::optional<llvm::CodeModel::Model> codeModel = std::nullopt;
};

/// Makes code of one module for one target, whose backend the caller has
/// registered with LLVM.
class CodeGenerator {
public:
  /// Gives `module` the triple and the layout of data of the target. Until the
  /// generator is destroyed the first error about the module is kept; LLVM
  /// would print it and end the process.
  static llvm::Expected<std::unique_ptr<CodeGenerator>>
  create(llvm::Module &module, const MachineOptions &options);
  ~CodeGenerator();

  /// Runs the pipeline of O3. No function counts as one of a C library.
  void optimize();
  /// Writes assembly or an object to `stream`.
  llvm::Error emit(llvm::CodeGenFileType type, llvm::raw_pwrite_stream &stream);
  /// The first error about the module.
  llvm::Error takeError() const;

private:
  CodeGenerator(llvm::Module &module, llvm::StringRef target,
                std::unique_ptr<llvm::TargetMachine> machine);

  llvm::Module &module;
  llvm::StringRef target;
  std::unique_ptr<llvm::TargetMachine> machine;
  std::unique_ptr<llvm::DiagnosticHandler> previous;
  std::string problem;
};

} // namespace tokopt

#endif // TOKOPT_LIB_TARGET_COMMON_CODEGENERATOR_H
