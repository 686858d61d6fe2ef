//===- Reference.cpp - What a kernel's results must be --------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The reference goes the way of CPU code, which shares nothing with the way of
// kernels but LLVM.
//
//===----------------------------------------------------------------------===//

#include "tools/tokopt-sim/Reference.h"

#include "dialects/Tok/TokDialect.h"
#include "tokopt/Target.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"

using namespace mlir;
using namespace tokopt;

static llvm::Error makeError(const Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

/// Words that a reference is called with; each goes where an address would.
static constexpr size_t kMostArguments = 8;

static llvm::Error check(func::FuncOp reference) {
  if (reference.getNumArguments() > kMostArguments)
    return makeError("the reference '" + reference.getName() + "' takes " +
                     Twine(reference.getNumArguments()) +
                     " arguments, but at most " + Twine(kMostArguments) +
                     " are passed");
  for (Type type : reference.getArgumentTypes()) {
    auto memref = dyn_cast<MemRefType>(type);
    if ((!memref || !memref.hasStaticShape() ||
         !memref.getLayout().isIdentity()) &&
        !type.isInteger(32) && !type.isInteger(64)) {
      std::string text;
      llvm::raw_string_ostream(text) << type;
      return makeError("the reference '" + reference.getName() +
                       "' takes memrefs of static shape, i32 and i64, but an "
                       "argument is " +
                       text);
    }
  }
  return llvm::Error::success();
}

/// By the C calling convention, words beyond those that a function takes are
/// ignored.
static void call(void *function, ArrayRef<uint64_t> arguments) {
  uint64_t w[kMostArguments] = {};
  llvm::copy(arguments, w);
  reinterpret_cast<void (*)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                            uint64_t, uint64_t, uint64_t)>(function)(
      w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]);
}

llvm::Error tokopt::runReference(ModuleOp module, StringRef name,
                                 ArrayRef<uint64_t> arguments) {
  auto reference = module.lookupSymbol<func::FuncOp>(name);
  if (!reference || reference.isExternal())
    return makeError("there is no reference '" + name + "'");
  if (llvm::Error error = check(reference))
    return error;
  // All but it and what it calls is dropped.
  OwningOpRef<ModuleOp> own = ModuleOp::create(module.getLoc());
  auto builder = OpBuilder::atBlockEnd(own->getBody());
  for (auto function : module.getOps<func::FuncOp>())
    if (!function->hasAttr(tok::kLaunchAttrName))
      builder.clone(*function);
  const IsaLevel *level = findIsaLevel("avx2");
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  for (StringRef feature : level->features)
    if (!features.lookup(feature))
      return makeError("references are compiled for " + level->name +
                       ", and this machine has no " + feature);
  auto object = compileToObject(*own, *level);
  if (!object)
    return object.takeError();

  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();
  auto jit = llvm::orc::LLJITBuilder().create();
  if (!jit)
    return jit.takeError();
  if (llvm::Error error =
          (*jit)->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(
              StringRef(object->data(), object->size()), name)))
    return error;
  auto symbol = (*jit)->lookup((name + "." + level->name).str());
  if (!symbol)
    return symbol.takeError();
  call(symbol->toPtr<void *>(), arguments);
  return llvm::Error::success();
}
