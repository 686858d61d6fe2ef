//===- Compile.h - From a model to a bundle ---------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_TOOLS_COMPILE_H
#define TOKOPT_TOOLS_COMPILE_H

#include "Mutate.h"

#include "tokopt/Bundle.h"
#include "tokopt/Pipelines.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <string>
#include <vector>

namespace tokopt {

struct CompileOptions {
  std::string model, output;
  /// `cpu` or `reference`.
  std::string backend = "cpu";
  /// ISA levels, best first; empty means all.
  std::vector<std::string> targets;
  /// Model passes; unset means the backend's own.
  std::optional<std::string> pipeline;
  bool printKernels = false;
  /// What generated code tells the runtime while it runs.
  Instrumentation instrumentation = Instrumentation::None;
  /// Kernels for the levels asked for, in code for `avx2`: for tests on
  /// machines that lack the level.
  bool emulate = false;
  /// A constant of the kernels to get wrong: for tests of tests.
  std::optional<Mutation> mutation;
  /// A file of goldens for the manifest; may be empty.
  std::string goldens;
  /// How far from them logits may be; unset means what the passes promise.
  std::optional<double> goldenTolerance;
};

/// Adds the passes that `text` names to `manager`, or says in one line what is
/// wrong with it.
llvm::Error parsePipeline(llvm::StringRef text, mlir::OpPassManager &manager);

/// Compiles `options.model`, a GGUF file or a module of the tok dialect, and
/// writes a bundle.
llvm::Error compile(const CompileOptions &options);

/// The weights of `module` as an image whose places are those that the code was
/// generated for. With `packed`, matrices are packed for the CPU; else all
/// bytes are as in the file. Relative paths count from the folder of
/// `modelPath`.
llvm::Expected<std::unique_ptr<WeightImage>>
makeWeightImage(mlir::ModuleOp module, bool packed, llvm::StringRef modelPath);

/// Opens a file that the module at `modelPath` names. A relative path counts
/// from the module's folder.
llvm::Expected<std::shared_ptr<const SourceFile>>
openSource(llvm::StringRef file, llvm::StringRef modelPath);

/// What the manifest says of `module`, but for passes and the source's hash.
llvm::Expected<Manifest> makeManifest(mlir::ModuleOp module);

} // namespace tokopt

#endif // TOKOPT_TOOLS_COMPILE_H
