//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The two halves of the CPU target: MLIR to the LLVM dialect, and LLVM IR to
// machine code.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_TARGET_CPU_CPU_H
#define TOKOPT_LIB_TARGET_CPU_CPU_H

#include "tokopt/Target.h"
#include "llvm/ADT/StringSet.h"

namespace llvm {
class Module;
} // namespace llvm

namespace tokopt {

/// Adds the passes that leave nothing but the LLVM dialect.
void addLoweringPasses(mlir::OpPassManager &pm, bool barePointers);

/// Compiles `module` to what `emit` says. Functions and variables named in
/// `exported` become global symbols, all others local.
llvm::Expected<llvm::SmallVector<char, 0>>
generateCode(llvm::Module &module, const IsaLevel &level, EmitKind emit,
             const llvm::StringSet<> &exported);

/// Defines the `memcpy`, `memmove` and `memset` that the code generator calls
/// for copies whose size is large or unknown, if `module` has such copies.
void addMemoryFunctions(llvm::Module &module);

/// Fails if `module` calls an intrinsic whose instruction `level` lacks. The
/// code generator would end the process over it.
llvm::Error checkIntrinsics(const llvm::Module &module, const IsaLevel &level);

} // namespace tokopt

#endif // TOKOPT_LIB_TARGET_CPU_CPU_H
