//===- Codegen.cpp - From LLVM IR to PTX ----------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Common/CodeGenerator.h"
#include "lib/Target/Cuda/Cuda.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/InstrTypes.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"

#include <mutex>

using namespace llvm;
using namespace tokopt;

static void registerBackend() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
  });
}

static std::string hashOf(StringRef text) {
  SHA256 hash;
  hash.update(text);
  return toHex(hash.final(), /*LowerCase=*/true).substr(0, 16);
}

Error tokopt::generatePtx(Module &module, const CudaArchitecture &architecture,
                          CudaCode &code) {
  registerBackend();
  std::string features = "+ptx" + utostr(architecture.ptxVersion);
  auto generator =
      CodeGenerator::create(module, {architecture.name, "nvptx64-nvidia-cuda",
                                     architecture.name, features});
  if (!generator)
    return generator.takeError();
  if (Error error = checkInstructions(module, architecture))
    return error;
  // Lanes come to products of warpgroups together, or not at all.
  for (Function &function : module)
    for (Instruction &instruction : instructions(function))
      if (auto *call = dyn_cast<CallBase>(&instruction);
          call && call->isInlineAsm())
        call->setConvergent();
  (*generator)->optimize();
  // The optimizer has made other instructions of them.
  if (Error error = checkInstructions(module, architecture))
    return error;
  raw_string_ostream(code.llvmIR) << module;
  code.hash = hashOf(code.llvmIR);

  SmallVector<char, 0> output;
  raw_svector_ostream stream(output);
  if (Error error = (*generator)->emit(CodeGenFileType::AssemblyFile, stream))
    return error;
  code.ptx.assign(output.begin(), output.end());
  return Error::success();
}
