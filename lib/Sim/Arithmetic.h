//===- Arithmetic.h - Arithmetic as the GPU has it --------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_SIM_ARITHMETIC_H
#define TOKOPT_LIB_SIM_ARITHMETIC_H

#include "llvm/IR/IRBuilder.h"

namespace tokopt::sim {

/// Where LLVM leaves the result of an instruction open and PTX does not, makes
/// it that of PTX: shifts by more than there are bits, numbers that an integer
/// does not hold. May replace `instruction`, and says so.
bool rewriteArithmetic(llvm::Instruction &instruction);

/// When a division of integers has no result: its divisor is zero, or the
/// quotient is one more than the most. Null where neither can be.
struct DivisionFaults {
  llvm::Value *byZero = nullptr, *overflows = nullptr;
};
DivisionFaults findDivisionFaults(llvm::Instruction &instruction,
                                  llvm::IRBuilderBase &b);

} // namespace tokopt::sim

#endif // TOKOPT_LIB_SIM_ARITHMETIC_H
