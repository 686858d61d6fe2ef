//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Copies and fills. LLVM inlines small ones of known size and calls a function
// of the C library for the others. There is no C library in a bundle, so the
// functions are defined here, each as the processor's own string instruction:
// what is written in IR as a loop could be recognized and turned into a call of
// itself.
//
//===----------------------------------------------------------------------===//

#include "Cpu.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Module.h"
#include "llvm/Transforms/Utils/ModuleUtils.h"

using namespace llvm;
using namespace tokopt;

namespace {

/// What all three have in common: `ptr name(ptr, ptr or i32, i64)`.
class FunctionMaker {
public:
  FunctionMaker(Module &module, StringRef name, Type *second)
      : builder(module.getContext()) {
    Type *pointer = builder.getPtrTy();
    auto *type = FunctionType::get(
        pointer, {pointer, second, builder.getInt64Ty()}, /*isVarArg=*/false);
    // Local, yet found by the code generator: that refers to it by name.
    function =
        Function::Create(type, GlobalValue::InternalLinkage, name, module);
    function->setDSOLocal(true);
    function->addFnAttr(Attribute::NoUnwind);
    function->addFnAttr(Attribute::NoInline);
    function->addFnAttr("no-builtins");
    appendToCompilerUsed(module, {function});
    newBlock();
  }

  Value *getArgument(unsigned index) { return function->getArg(index); }

  BasicBlock *newBlock() {
    auto *block = BasicBlock::Create(builder.getContext(), "", function);
    builder.SetInsertPoint(block);
    return block;
  }

  /// `code` with the three values in the registers that string instructions
  /// use, `source` being rsi or rax.
  void addAssembly(StringRef code, StringRef source, Value *destination,
                   Value *value, Value *count) {
    Type *results[] = {destination->getType(), value->getType(),
                       count->getType()};
    auto *type = FunctionType::get(
        StructType::get(builder.getContext(), ArrayRef(results)), results,
        /*isVarArg=*/false);
    std::string constraints =
        ("={di},={" + source + "},={cx},0,1,2,~{memory},~{dirflag},~{flags}")
            .str();
    builder.CreateCall(InlineAsm::get(type, code, constraints,
                                      /*hasSideEffects=*/true),
                       {destination, value, count});
  }

  void addReturn() { builder.CreateRet(function->getArg(0)); }

  IRBuilder<> builder;

private:
  Function *function;
};

} // namespace

static void addMemcpy(Module &module) {
  FunctionMaker make(module, "memcpy",
                     PointerType::get(module.getContext(), 0));
  make.addAssembly("rep movsb", "si", make.getArgument(0), make.getArgument(1),
                   make.getArgument(2));
  make.addReturn();
}

static void addMemset(Module &module) {
  FunctionMaker make(module, "memset", Type::getInt32Ty(module.getContext()));
  make.addAssembly("rep stosb", "ax", make.getArgument(0), make.getArgument(1),
                   make.getArgument(2));
  make.addReturn();
}

/// Backwards if the destination starts within the source.
static void addMemmove(Module &module) {
  FunctionMaker make(module, "memmove",
                     PointerType::get(module.getContext(), 0));
  IRBuilder<> &builder = make.builder;
  Value *to = make.getArgument(0), *from = make.getArgument(1),
        *count = make.getArgument(2);
  BasicBlock *entry = builder.GetInsertBlock();
  Type *word = builder.getInt64Ty();
  Value *distance = builder.CreateSub(builder.CreatePtrToInt(to, word),
                                      builder.CreatePtrToInt(from, word));
  Value *overlaps = builder.CreateICmpULT(distance, count);

  BasicBlock *forward = make.newBlock();
  make.addAssembly("rep movsb", "si", to, from, count);
  make.addReturn();
  BasicBlock *backward = make.newBlock();
  Value *last = builder.CreateSub(count, builder.getInt64(1));
  make.addAssembly("std; rep movsb; cld", "si", builder.CreatePtrAdd(to, last),
                   builder.CreatePtrAdd(from, last), count);
  make.addReturn();
  builder.SetInsertPoint(entry);
  builder.CreateCondBr(overlaps, backward, forward);
}

void tokopt::addMemoryFunctions(Module &module) {
  bool copies = false, moves = false, sets = false;
  for (const Function &function : module)
    for (const BasicBlock &block : function)
      for (const Instruction &instruction : block) {
        copies |= isa<MemCpyInst>(instruction);
        moves |= isa<MemMoveInst>(instruction);
        sets |= isa<MemSetInst>(instruction);
      }
  if (copies && !module.getFunction("memcpy"))
    addMemcpy(module);
  if (moves && !module.getFunction("memmove"))
    addMemmove(module);
  if (sets && !module.getFunction("memset"))
    addMemset(module);
}
