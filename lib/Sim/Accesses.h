//===- Accesses.h - What instructions do to memory --------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_SIM_ACCESSES_H
#define TOKOPT_LIB_SIM_ACCESSES_H

#include "lib/Sim/Program.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/Instructions.h"
#include "llvm/Support/MathExtras.h"

namespace tokopt::sim {

/// Address spaces (LLVM, "User Guide for NVPTX Back-end").
inline constexpr unsigned kGenericSpace = 0, kGlobalSpace = 1, kSharedSpace = 3,
                          kSharedClusterSpace = 7;

/// What one instruction of a thread moves at most.
inline constexpr uint64_t kMostBytes = 16;

/// An access of an instruction to memory.
struct Access {
  llvm::Value *pointer = nullptr;
  uint64_t bytes = 0;            ///< if it is known,
  llvm::Value *length = nullptr; ///< else this many
  /// AccessFlags.
  uint32_t flags = kRead;
  uint64_t alignment = 1;
  llvm::StringRef verb;

  /// Bytes of each instruction that the backend makes of an access whose size
  /// is known: not more than 16, nor than what it is aligned to. A load takes
  /// more than is asked for where that makes it one instruction.
  uint64_t pieceBytes() const {
    uint64_t whole = std::min(kMostBytes, llvm::PowerOf2Ceil(bytes));
    if (!(flags & kWrite) && alignment >= whole)
      return whole;
    return std::min({kMostBytes, alignment, bytes & -bytes});
  }
};

/// What the names of a kernel's functions begin with, which may be ones that
/// mean something to the host.
inline constexpr llvm::StringLiteral kKernelPrefix = "kernel.";

/// Where an instruction comes from, as `file:line`.
std::string locationOf(const llvm::Instruction &instruction);

/// `what` has no model.
llvm::Error noSimulation(const llvm::Instruction &instruction,
                         const llvm::Twine &what);

/// What an atomic or a fence means for order, as AccessFlags.
uint32_t flagsOf(llvm::AtomicOrdering ordering, llvm::SyncScope::ID scope,
                 llvm::LLVMContext &context);

/// The accesses of `instruction`, which must be to memory that has a model.
llvm::Error collectAccesses(llvm::Instruction &instruction,
                            llvm::SmallVectorImpl<Access> &accesses);

} // namespace tokopt::sim

#endif // TOKOPT_LIB_SIM_ACCESSES_H
