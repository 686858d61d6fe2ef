//===- Flow.cpp - Where a kernel may go on for ever -----------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Sim/Flow.h"

#include "llvm/ADT/SCCIterator.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Analysis/CFG.h"
#include "llvm/Analysis/CallGraph.h"
#include "llvm/IR/Module.h"

using namespace llvm;

const CallBase *tokopt::sim::findRecursion(Module &module) {
  CallGraph graph(module);
  for (auto group = scc_begin(&graph); !group.isAtEnd(); ++group) {
    if (!group.hasCycle())
      continue;
    for (const CallGraphNode *caller : *group)
      for (const auto &[call, callee] : *caller)
        if (call && *call && is_contained(*group, callee))
          return cast<CallBase>(*call);
  }
  return nullptr;
}

SmallVector<BasicBlock *> tokopt::sim::findLoopHeads(Function &function) {
  SmallVector<std::pair<const BasicBlock *, const BasicBlock *>> ways;
  FindFunctionBackedges(function, ways);
  SmallSetVector<BasicBlock *, 8> heads;
  for (auto [from, to] : ways)
    heads.insert(const_cast<BasicBlock *>(to));
  return heads.takeVector();
}
