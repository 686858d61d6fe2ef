//===- Flow.h - Where a kernel may go on for ever ---------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_SIM_FLOW_H
#define TOKOPT_LIB_SIM_FLOW_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/Instructions.h"

namespace tokopt::sim {

/// A call by which a function calls itself, if through others, or null. Local
/// memory and what the backend makes of frames know no recursion.
const llvm::CallBase *findRecursion(llvm::Module &module);

/// The blocks that each way back in `function` leads to.
llvm::SmallVector<llvm::BasicBlock *> findLoopHeads(llvm::Function &function);

} // namespace tokopt::sim

#endif // TOKOPT_LIB_SIM_FLOW_H
