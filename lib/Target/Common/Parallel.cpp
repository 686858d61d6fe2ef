//===- Parallel.cpp - Modules that are compiled side by side --------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Common/Parallel.h"
#include "lib/Target/Common/CodeGenerator.h"

#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace tokopt;

llvm::Error PortableModule::write(ModuleOp module) {
  llvm::raw_string_ostream stream(bytecode);
  if (failed(writeBytecodeToFile(module, stream)))
    return llvm::createStringError("a module cannot be written as bytecode");
  return llvm::Error::success();
}

llvm::Expected<OwningOpRef<ModuleOp>>
PortableModule::read(MLIRContext *context, StringRef target) const {
  ErrorCollector errors(context, target);
  auto module = parseSourceString<ModuleOp>(bytecode, context);
  if (!module)
    return errors.makeError("the module cannot be copied");
  return module;
}
