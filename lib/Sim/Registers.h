//===- Registers.h - Registers that products change -------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a kernel does with the registers of products of warpgroups can be read
// from its code, but for when a product is done.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_SIM_REGISTERS_H
#define TOKOPT_LIB_SIM_REGISTERS_H

#include "tokopt/CudaAssembly.h"

#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/InstrTypes.h"

namespace tokopt::sim {

/// The form of inline assembly that a value is a call of.
std::optional<CudaAssembly> parseAssembly(const llvm::Value *value);

struct ProductRegisters {
  explicit ProductRegisters(llvm::Function &function);

  /// Instructions that take what may be a sum of a product in flight, other
  /// than to hand it on to a product, a fence or a wait.
  llvm::SmallVector<std::pair<llvm::Instruction *, llvm::Value *>> uses;
  /// Products that take registers which come neither from a fence nor from a
  /// product whose sums the next one adds to.
  llvm::SmallPtrSet<const llvm::CallBase *, 16> unfenced;
};

} // namespace tokopt::sim

#endif // TOKOPT_LIB_SIM_REGISTERS_H
