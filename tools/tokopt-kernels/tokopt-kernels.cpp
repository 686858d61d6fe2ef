//===- tokopt-kernels.cpp - Shows what CUDA templates emit ----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/KernelFile/KernelFile.h"

#include "tokopt/CommandLine.h"
#include "tokopt/OutputFile.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace tokopt;

namespace {
enum class Emit { Mlir, Llvm, Ptx, Cubin, Report };
} // namespace

static llvm::cl::OptionCategory options("tokopt-kernels options");
static llvm::cl::opt<std::string>
    input(llvm::cl::Positional,
          llvm::cl::desc("<a module with tok.kernel ops, or with kernels>"),
          llvm::cl::cat(options));
static llvm::cl::opt<bool> list("list",
                                llvm::cl::desc("List the templates and what "
                                               "their configuration chooses"),
                                llvm::cl::cat(options));
static llvm::cl::opt<std::string> output("o", llvm::cl::desc("Output file"),
                                         llvm::cl::init("-"),
                                         llvm::cl::cat(options));
static llvm::cl::opt<std::string>
    target("target", llvm::cl::desc("Architecture (sm_80, sm_90a)"),
           llvm::cl::init("sm_80"), llvm::cl::cat(options));
static llvm::cl::opt<Emit> emit(
    "emit", llvm::cl::desc("What is written"),
    llvm::cl::values(clEnumValN(Emit::Mlir, "mlir", "upstream dialects"),
                     clEnumValN(Emit::Llvm, "llvm", "optimized LLVM IR"),
                     clEnumValN(Emit::Ptx, "ptx", "PTX"),
                     clEnumValN(Emit::Cubin, "cubin", "what ptxas makes of it"),
                     clEnumValN(Emit::Report, "report",
                                "registers, memory and spills by ptxas")),
    llvm::cl::init(Emit::Report), llvm::cl::cat(options));
static llvm::cl::opt<bool>
    locations("mlir-print-debuginfo",
              llvm::cl::desc("Print lines of templates with --emit=mlir"),
              llvm::cl::cat(options));

/// Registers are given out to warps by 256.
static int64_t warpsByRegisters(int64_t registers) {
  int64_t perWarp = llvm::alignTo(registers * 32, 256);
  return 65536 / std::max<int64_t>(perWarp, 1);
}

static void writeReport(llvm::raw_ostream &os, const CudaCode &code,
                        const CudaBinary &binary,
                        const CudaArchitecture &architecture) {
  os << "target " << architecture.name << ", LLVM IR " << code.hash << "\n";
  for (const CudaKernel &kernel : code.kernels)
    for (const PtxasKernel &report : binary.kernels) {
      if (report.name != kernel.name)
        continue;
      int64_t warps = llvm::divideCeil(kernel.threads, 32);
      os << kernel.name << ": " << kernel.threads << " threads, "
         << report.registers << " registers ("
         << warpsByRegisters(report.registers) / warps
         << " blocks fit the registers), " << kernel.sharedBytes
         << " bytes of shared memory, " << report.barriers << " barriers, "
         << report.stackBytes << " bytes of stack, "
         << report.spillStoreBytes + report.spillLoadBytes
         << " bytes spilled\n";
    }
  for (const std::string &note : binary.notes)
    os << note << "\n";
}

static void listTemplates(llvm::raw_ostream &os) {
  for (const KernelTarget *kernelTarget : getKernelTargets()) {
    if (kernelTarget->getName() != "cuda")
      continue;
    for (const KernelTemplate *generator : kernelTarget->getTemplates()) {
      os << generator->getFamily() << "\n";
      for (const KernelKnob &knob : generator->getKnobs())
        os << "  " << knob.name << ": " << knob.meaning << " (" << knob.values
           << ")\n";
    }
  }
}

/// The functions that launch: the file's own, or those of its `tok.kernel`s.
static llvm::Expected<OwningOpRef<ModuleOp>> getKernels(KernelFile &file) {
  ModuleOp module = file.getModule();
  bool hasOps =
      module.walk([](tok::KernelOp) { return WalkResult::interrupt(); })
          .wasInterrupted();
  if (!hasOps)
    return OwningOpRef<ModuleOp>(module.clone());
  OwningOpRef<ModuleOp> kernels =
      emitCudaKernels(module, file.getArchitecture());
  if (!kernels)
    return llvm::createStringError("the kernels cannot be emitted");
  return kernels;
}

static llvm::Error writeKernels(llvm::raw_ostream &os, KernelFile &file) {
  const CudaArchitecture &architecture = file.getArchitecture();
  auto kernels = getKernels(file);
  if (!kernels)
    return kernels.takeError();
  if (emit == Emit::Mlir) {
    OpPrintingFlags flags;
    if (locations)
      flags.enableDebugInfo(/*enable=*/true, /*prettyForm=*/false);
    (*kernels)->print(os, flags);
    return llvm::Error::success();
  }
  llvm::Expected<CudaCode> code = compileCudaModule(**kernels, architecture);
  if (!code)
    return code.takeError();
  if (emit == Emit::Llvm || emit == Emit::Ptx) {
    os << (emit == Emit::Llvm ? code->llvmIR : code->ptx);
    return llvm::Error::success();
  }
  llvm::Expected<std::string> ptxas = findPtxas();
  if (!ptxas)
    return ptxas.takeError();
  llvm::Expected<CudaBinary> binary =
      assemblePtx(*ptxas, code->ptx, architecture);
  if (!binary)
    return binary.takeError();
  if (emit == Emit::Cubin) {
    if (llvm::Error error = checkBinary(*binary))
      return error;
    os << binary->cubin;
    return llvm::Error::success();
  }
  writeReport(os, *code, *binary, architecture);
  return checkBinary(*binary);
}

static llvm::Error run(const CudaArchitecture &architecture) {
  std::unique_ptr<KernelFile> kernels;
  if (!list) {
    auto read = KernelFile::read(input, architecture);
    if (!read)
      return read.takeError();
    kernels = std::move(*read);
  }
  llvm::Expected<OutputFile> file = OutputFile::create(output);
  if (!file)
    return file.takeError();
  if (!kernels)
    listTemplates(file->os());
  else if (llvm::Error error = writeKernels(file->os(), *kernels))
    return kernels->explain(std::move(error));
  return file->keep();
}

int main(int argc, char **argv) {
  llvm::cl::HideUnrelatedOptions(options);
  if (!parseCommandLine(argc, argv, "shows what CUDA templates emit\n"))
    return BadUsage;
  auto architecture = parseArchitecture(target);
  if (!architecture)
    return reportError("tokopt-kernels", architecture.takeError(), BadUsage);
  if (input.empty() && !list)
    return reportError(
        "tokopt-kernels",
        llvm::createStringError("found no file, expected one, or --list"),
        BadUsage);
  if (llvm::Error error = run(**architecture))
    return reportError("tokopt-kernels", std::move(error), BadInput);
  return Success;
}
