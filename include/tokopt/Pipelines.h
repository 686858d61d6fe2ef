//===- Pipelines.h - Everything tokopt registers ----------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_PIPELINES_H
#define TOKOPT_PIPELINES_H

#include "tokopt/Kernel.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <string>
#include <vector>

namespace llvm {
class raw_ostream;
} // namespace llvm

namespace mlir {
class DialectRegistry;
class OpPassManager;
} // namespace mlir

namespace tokopt {

/// Adds the tok dialect and the upstream dialects that models, programs and
/// kernels are written in.
void registerDialects(mlir::DialectRegistry &registry);

/// Registers every tokopt pass and pipeline by its command line name.
void registerPasses();

/// What a pass promises about the numbers, from its TableGen record
/// (passes/TokPass.td).
struct Contract {
  llvm::StringLiteral pass;
  /// `exact`, `tolerance` or `lossy`.
  llvm::StringLiteral kind;
  /// Of `tolerance`: the largest difference over the root mean square.
  llvm::StringLiteral bound = "";
  /// Of `lossy`: the option that is the knob, and its neutral value.
  llvm::StringLiteral knob = "", neutral = "";
  /// Whether a second run changes nothing.
  bool idempotent = false;
};

/// The contract of `pass`: one of ours, of an upstream pass that stands in our
/// pipelines, or of a plugin. Null for a pass that states none.
const Contract *findContract(llvm::StringRef pass);

/// `contract` in words, as tokopt-opt --list-contracts and the manifest have
/// it: `exact`, `tolerance bound=1e-5`, `lossy knob=format neutral=f32`. Null
/// is `none`.
std::string describeContract(const Contract *contract);

/// A pass of a pipeline and the options it runs with.
struct PassText {
  std::string name, options;
};

/// The passes of `manager` in order, those of nested pipelines among them.
std::vector<PassText> listPasses(mlir::OpPassManager &manager);

/// Adds contracts of passes that a plugin registers. What they refer to must
/// live on.
void registerContracts(llvm::ArrayRef<Contract> contracts);

/// Prints a line for every registered pass with a contract and for every pass
/// of our pipelines, by name: the pass, `exact`, `tolerance`, `lossy` or
/// `none`, then what belongs to it: `bound=`, `knob=` and `neutral=`,
/// `idempotent`; `upstream` marks passes that are not tokopt's.
/// `registerPasses` must have been called.
void printContracts(llvm::raw_ostream &os);

/// The model passes that run for the CPU unless the user names others:
/// `tok-quantize-activations,tok-quantize-cache`.
extern const llvm::StringLiteral kDefaultCpuPipeline;

/// From a model to the program of its steps on `target` (tokopt/Kernel.h).
void buildProgramPipeline(mlir::OpPassManager &manager,
                          llvm::StringRef target = kDefaultTarget);

/// From the program to functions of upstream dialects for one machine.
void buildKernelPipeline(mlir::OpPassManager &manager, llvm::StringRef machine,
                         bool printKernels = false);

/// What generated code tells the runtime while it runs (docs/debugging.md):
/// nothing, which leaves no trace in it; that a kernel has run; or what it
/// wrote, too.
enum class Instrumentation { None, Time, Values };

/// Adds probes for the target `cpu` to a finished program.
void buildInstrumentPipeline(mlir::OpPassManager &manager,
                             Instrumentation what);

} // namespace tokopt

#endif // TOKOPT_PIPELINES_H
