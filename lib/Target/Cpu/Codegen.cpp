//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From LLVM IR to machine code.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Common/CodeGenerator.h"
#include "lib/Target/Cpu/Cpu.h"

#include "llvm/IR/Module.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"

#include <mutex>

using namespace llvm;
using namespace tokopt;

static void registerBackend() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser(); // for inline assembly
  });
}

/// Linkage, names and attributes of what `module` defines.
static Error finishSymbols(Module &module, const IsaLevel &level,
                           const StringSet<> &exported) {
  auto finish = [&](GlobalValue &value) {
    value.setLinkage(exported.contains(value.getName())
                         ? GlobalValue::ExternalLinkage
                         : GlobalValue::InternalLinkage);
    value.setVisibility(GlobalValue::DefaultVisibility);
    value.setDSOLocal(true);
    value.setName(value.getName() + "." + level.name);
  };
  for (GlobalVariable &variable : module.globals()) {
    if (variable.isDeclaration())
      continue;
    if (!variable.isConstant())
      return makeCodeError(level.name,
                           "the global " + variable.getName() +
                               " is not constant; generated code must keep "
                               "all state in the frame");
    finish(variable);
  }
  for (Function &function : module) {
    if (function.isDeclaration())
      continue;
    finish(function);
    function.addFnAttr(Attribute::NoUnwind);
    // Loops must not be turned into calls of a C library.
    function.addFnAttr("no-builtins");
    // The workers run with flush-to-zero and denormals-are-zero.
    function.addFnAttr("denormal-fp-math", "preserve-sign,preserve-sign");
    function.addFnAttr("prefer-vector-width", std::to_string(level.vectorBits));
  }
  return Error::success();
}

/// Fails if the linker would have to look for something.
static Error checkUndefinedSymbols(StringRef object, const IsaLevel &level) {
  auto file = object::ObjectFile::createELFObjectFile(
      MemoryBufferRef(object, "tokopt"));
  if (!file)
    return file.takeError();
  std::string names;
  for (object::SymbolRef symbol : (*file)->symbols()) {
    Expected<uint32_t> flags = symbol.getFlags();
    if (!flags)
      return flags.takeError();
    if (!(*flags & object::SymbolRef::SF_Undefined) ||
        (*flags & object::SymbolRef::SF_FormatSpecific))
      continue;
    Expected<StringRef> name = symbol.getName();
    if (!name)
      return name.takeError();
    names += names.empty() ? "" : ", ";
    names += *name;
  }
  if (names.empty())
    return Error::success();
  return makeCodeError(
      level.name, "the code calls what nothing defines: " + names +
                      "; a bundle links no library, so the operation behind "
                      "each must be lowered to instructions or a polynomial");
}

Expected<SmallVector<char, 0>>
tokopt::generateCode(Module &module, const IsaLevel &level, EmitKind emit,
                     const StringSet<> &exported) {
  registerBackend();
  auto generator = CodeGenerator::create(
      module, {level.name, "x86_64-unknown-linux-gnu", level.cpu,
               level.llvmFeatures, Reloc::PIC_, CodeModel::Small});
  if (!generator)
    return generator.takeError();
  module.setPICLevel(PICLevel::BigPIC);
  if (Error error = checkIntrinsics(module, level))
    return error;
  if (Error error = finishSymbols(module, level, exported))
    return error;
  (*generator)->optimize();
  addMemoryFunctions(module);
  if (Error error = (*generator)->takeError())
    return error;

  SmallVector<char, 0> output;
  raw_svector_ostream stream(output);
  if (emit == EmitKind::LLVMIR) {
    module.print(stream, nullptr);
    return output;
  }
  if (Error error =
          (*generator)
              ->emit(emit == EmitKind::Object ? CodeGenFileType::ObjectFile
                                              : CodeGenFileType::AssemblyFile,
                     stream))
    return error;
  if (emit == EmitKind::Object)
    if (Error error = checkUndefinedSymbols(
            StringRef(output.data(), output.size()), level))
      return error;
  return output;
}
