//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the tests of code generation share: text to object, object to code that
// can be called.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_TEST_LIB_TARGET_CODETEST_H
#define TOKOPT_TEST_LIB_TARGET_CODETEST_H

#include "lib/Bundle/Linker.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Parser/Parser.h"
#include "tokopt/Target.h"
#include "llvm/Object/ELF.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/TargetParser/Host.h"
#include "gmock/gmock.h"
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <sys/syscall.h>

namespace tokopt::test {

/// Parses modules; one context for each.
class ModuleFile {
public:
  explicit ModuleFile(llvm::StringRef text) {
    context.loadDialect<mlir::affine::AffineDialect, mlir::arith::ArithDialect,
                        mlir::cf::ControlFlowDialect, mlir::func::FuncDialect,
                        mlir::LLVM::LLVMDialect, mlir::math::MathDialect,
                        mlir::memref::MemRefDialect, mlir::scf::SCFDialect,
                        mlir::vector::VectorDialect>();
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    if (!module)
      llvm::report_fatal_error("the test's module does not parse");
  }

  mlir::ModuleOp get() { return *module; }

private:
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

inline llvm::Expected<llvm::SmallVector<char, 0>>
compileText(llvm::StringRef text, llvm::StringRef level,
            const CpuCompileOptions &options = {}) {
  ModuleFile file(text);
  return compileModule(file.get(), *findIsaLevel(level), options);
}

/// The message of a failure, or nothing.
template <typename T>
std::string getMessage(llvm::Expected<T> result) {
  return result ? std::string() : llvm::toString(result.takeError());
}

inline bool hostRuns(const IsaLevel &level) {
  // Linux gives tiles only to processes that ask.
  constexpr int kArchReqXcompPerm = 0x1023, kXfeatureTileData = 18;
  if (llvm::is_contained(level.features, "amx-tile") &&
      syscall(SYS_arch_prctl, kArchReqXcompPerm, kXfeatureTileData) != 0)
    return false;
  llvm::StringMap<bool> host = llvm::sys::getHostCPUFeatures();
  return llvm::all_of(level.features, [&](llvm::StringRef feature) {
    // LLVM reports no value for what it cannot ask the processor about.
    auto found = host.find(feature);
    return found == host.end() || found->second;
  });
}

/// Code in memory, as a loader would put it there.
class LoadedImage {
public:
  explicit LoadedImage(llvm::StringRef image) {
    auto file = llvm::cantFail(llvm::object::ELF64LEFile::create(image));
    for (const auto &segment : llvm::cantFail(file.program_headers()))
      if (segment.p_type == llvm::ELF::PT_LOAD)
        size = std::max<size_t>(size, segment.p_vaddr + segment.p_memsz);
    base = static_cast<char *>(mmap(nullptr, size, PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (base == MAP_FAILED)
      llvm::report_fatal_error("out of memory");
    for (const auto &segment : llvm::cantFail(file.program_headers()))
      if (segment.p_type == llvm::ELF::PT_LOAD)
        std::memcpy(base + segment.p_vaddr, image.data() + segment.p_offset,
                    segment.p_filesz);
    mprotect(base, size, PROT_READ | PROT_EXEC);
  }
  ~LoadedImage() { munmap(base, size); }
  LoadedImage(const LoadedImage &) = delete;

  template <typename Function>
  Function *get(uint64_t address) const {
    return reinterpret_cast<Function *>(base + address);
  }

private:
  char *base = nullptr;
  size_t size = 0;
};

} // namespace tokopt::test

#endif // TOKOPT_TEST_LIB_TARGET_CODETEST_H
