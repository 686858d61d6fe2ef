//===- Registers.cpp - Registers that products change ---------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Sim/Registers.h"

#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"

using namespace llvm;
using namespace tokopt;
using namespace tokopt::sim;

std::optional<CudaAssembly> tokopt::sim::parseAssembly(const Value *value) {
  const auto *call = dyn_cast<CallBase>(value);
  if (!call || !call->isInlineAsm())
    return std::nullopt;
  const auto *assembly = cast<InlineAsm>(call->getCalledOperand());
  return CudaAssembly::parse(assembly->getAsmString(),
                             assembly->getConstraintString());
}

/// Whether `user` hands on what it is given.
static bool isTransport(const User *user) {
  return isa<PHINode, ExtractValueInst, InsertValueInst>(user);
}

/// Whether a register comes from a fence or a product on each way to here.
static bool isFenced(const Value *value) {
  SmallVector<const Value *> work = {value};
  SmallPtrSet<const Value *, 16> seen;
  while (!work.empty()) {
    const Value *next = work.pop_back_val();
    if (!seen.insert(next).second)
      continue;
    if (auto form = parseAssembly(next)) {
      if (form->kind == CudaAssembly::Kind::Wait)
        return false;
      continue;
    }
    const auto *user = dyn_cast<User>(next);
    if (!user || !isTransport(user))
      return false;
    work.append(user->op_begin(), user->op_end());
  }
  return true;
}

ProductRegisters::ProductRegisters(Function &function) {
  SmallVector<Value *> work;
  for (Instruction &instruction : instructions(function)) {
    auto form = parseAssembly(&instruction);
    if (!form)
      continue;
    work.push_back(&instruction);
    auto &call = cast<CallBase>(instruction);
    auto isUnfenced = [](const Use &operand) {
      return !operand->getType()->isIntegerTy(64) && !isFenced(operand);
    };
    if (form->kind == CudaAssembly::Kind::Multiply &&
        any_of(call.args(), isUnfenced))
      unfenced.insert(&call);
  }
  SmallPtrSet<Value *, 32> seen;
  while (!work.empty()) {
    Value *sum = work.pop_back_val();
    if (!seen.insert(sum).second)
      continue;
    for (User *user : sum->users()) {
      if (isTransport(user))
        work.push_back(user);
      else if (!parseAssembly(user) && sum->getType()->isFloatTy())
        uses.emplace_back(cast<Instruction>(user), sum);
    }
  }
}
