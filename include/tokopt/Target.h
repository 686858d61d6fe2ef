//===- Target.h - From upstream IR to machine code --------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The CPU target: a module of upstream dialects (func, scf, cf, arith, math,
// vector, memref, affine, index, ub, llvm) becomes one relocatable ELF object
// for one instruction-set level. Nothing here knows the tok dialect.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_TARGET_H
#define TOKOPT_TARGET_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <functional>
#include <string>
#include <vector>

namespace mlir {
class OpPassManager;
class PassManager;
} // namespace mlir

namespace tokopt {

/// A set of CPU features that code is generated for. A bundle carries one
/// version of its code for each level; the loader takes the first whose
/// `features` the machine has.
struct IsaLevel {
  /// The name in the manifest and in symbol names, such as `avx2`.
  llvm::StringLiteral name;
  /// What LLVM is told. Never the host's: the same input must give the same
  /// bytes on every machine.
  llvm::StringLiteral cpu;
  llvm::StringLiteral llvmFeatures;
  /// Width of the widest vector register.
  unsigned vectorBits;
  /// Every feature beyond plain x86-64 that the code may use, by LLVM's names;
  /// these stand in the manifest and the loader checks each.
  llvm::ArrayRef<llvm::StringLiteral> features;
};

/// All levels, in order of preference (best first).
llvm::ArrayRef<IsaLevel> getIsaLevels();

/// The level called `name`, or null.
const IsaLevel *findIsaLevel(llvm::StringRef name);

/// The names of all levels in a row, for messages.
std::string listIsaLevels();

/// What `compileModule` writes.
enum class EmitKind { Object, Assembly, LLVMIR };

struct CpuCompileOptions {
  EmitKind emit = EmitKind::Object;
  /// Memrefs in signatures are bare pointers: every such memref must have a
  /// static shape and identity layout, and an entry can be called from C with
  /// `memref<24xi64>` for its frame. If false, memrefs in signatures are
  /// descriptors (an entry then takes `!llvm.ptr`).
  bool barePointers = true;
  /// Called on the pass manager before it runs, for instance to apply
  /// `--mlir-timing`.
  std::function<mlir::LogicalResult(mlir::PassManager &)> configure;
};

/// Compiles `module`, which is lowered in place and of no use afterwards, and
/// returns the bytes of the object (or text, see `EmitKind`).
///
/// Public functions with a body become global symbols, all others local; each
/// symbol is named `<function>.<level>`, so that levels link together.
/// `math` functions become polynomials. The object has no undefined symbol:
/// one that would be left is an error that names it.
llvm::Expected<llvm::SmallVector<char, 0>>
compileModule(mlir::ModuleOp module, const IsaLevel &level,
              const CpuCompileOptions &options = {});

/// `compileModule` with the default output.
inline llvm::Expected<llvm::SmallVector<char, 0>>
compileToObject(mlir::ModuleOp module, const IsaLevel &level) {
  return compileModule(module, level);
}

/// Spells out the products of bytes of `module` in plain arithmetic, so
/// that kernels generated for one level can be compiled for a lesser one and
/// tested where the CPU has only that.
void emulateIntrinsics(mlir::ModuleOp module);

/// One module for one level.
struct CompileJob {
  mlir::ModuleOp module;
  const IsaLevel *level;
};

/// Compiles several modules at once, each on a thread and in an MLIR context of
/// its own (the modules are copied, and stay as they are). Objects come back in
/// the order of `jobs`; the first error in that order is returned.
llvm::Expected<std::vector<llvm::SmallVector<char, 0>>>
compileInParallel(llvm::ArrayRef<CompileJob> jobs,
                  const CpuCompileOptions &options = {});

/// Registers the passes of the CPU target, and its way from upstream dialects
/// to the LLVM dialect as the pipeline `tok-llvm-pipeline`.
void registerCpuTargetPasses();

} // namespace tokopt

#endif // TOKOPT_TARGET_H
