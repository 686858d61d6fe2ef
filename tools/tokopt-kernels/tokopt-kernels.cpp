//===- tokopt-kernels.cpp - Shows what CUDA templates emit ----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/KernelFile/KernelFile.h"

#include "tokopt/CommandLine.h"
#include "tokopt/OutputFile.h"

#include "mlir/Tools/Plugins/PassPlugin.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/WithColor.h"
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
                     clEnumValN(Emit::Llvm, "llvm",
                                "optimized LLVM IR, a module a kernel"),
                     clEnumValN(Emit::Ptx, "ptx", "PTX, a module a kernel"),
                     clEnumValN(Emit::Cubin, "cubin", "what ptxas makes of it"),
                     clEnumValN(Emit::Report, "report",
                                "registers, memory and spills by ptxas")),
    llvm::cl::init(Emit::Report), llvm::cl::cat(options));
static llvm::cl::opt<std::string>
    only("kernel", llvm::cl::desc("Only the kernel of this name"),
         llvm::cl::value_desc("name"), llvm::cl::cat(options));
static llvm::cl::list<std::string>
    plugins("load-pass-plugin",
            llvm::cl::desc("Load templates from this plugin, as tokopt-opt "
                           "loads passes"),
            llvm::cl::value_desc("file"), llvm::cl::cat(options));
static llvm::cl::opt<bool>
    noCache("no-cache",
            llvm::cl::desc("Build every kernel anew, and keep none. Else they "
                           "are kept in $TOKOPT_CACHE, or tokopt/kernels of "
                           "the user's caches"),
            llvm::cl::cat(options));
static llvm::cl::opt<bool>
    locations("mlir-print-debuginfo",
              llvm::cl::desc("Print lines of templates with --emit=mlir"),
              llvm::cl::cat(options));

/// Blocks that a multiprocessor has at a time, by what each of its resources
/// holds (CUDA programming guide, "Technical Specifications per Compute
/// Capability"; sm_80 and sm_90 differ in shared memory only).
struct Occupancy {
  int64_t byRegisters, byShared, byWarps;
  int64_t blocks() const {
    return std::min({byRegisters, byShared, byWarps, kMostBlocks});
  }
  static constexpr int64_t kMostBlocks = 32, kWarps = 64, kParts = 4,
                           kPartRegisters = 16384, kSystemBytes = 1024;
};

static Occupancy occupancyOf(const CudaKernel &kernel, int64_t registers,
                             const CudaArchitecture &architecture) {
  int64_t warps = llvm::divideCeil(kernel.threads, 32);
  // Each of four parts has registers of its own, which it gives out to a warp
  // by 256 (the occupancy calculator of the CUDA toolkit).
  int64_t perWarp = llvm::alignTo(std::max<int64_t>(registers, 1) * 32, 256);
  int64_t warpsByRegisters =
      Occupancy::kParts * (Occupancy::kPartRegisters / perWarp);
  // The system takes some shared memory for each block.
  int64_t shared = architecture.sharedBytes + Occupancy::kSystemBytes;
  int64_t perBlock =
      llvm::alignTo(kernel.sharedBytes + Occupancy::kSystemBytes, 128);
  return {warpsByRegisters / warps, shared / perBlock,
          Occupancy::kWarps / warps};
}

static void writeReport(llvm::raw_ostream &os, const CudaImage &image,
                        const CudaArchitecture &architecture) {
  const CudaKernel &kernel = image.kernel;
  for (const PtxasKernel &report : image.binary.kernels) {
    Occupancy most = occupancyOf(kernel, report.registers, architecture);
    os << kernel.name << ": " << architecture.name << ", LLVM IR " << image.hash
       << ", " << kernel.threads << " threads, " << report.registers
       << " registers (" << most.byRegisters << " blocks fit), "
       << kernel.sharedBytes << " bytes of shared memory (" << most.byShared
       << " blocks fit), " << report.barriers << " barriers, "
       << report.stackBytes << " bytes of stack, "
       << report.spillStoreBytes + report.spillLoadBytes << " bytes spilled; "
       << most.blocks() << " blocks a multiprocessor, "
       << most.blocks() * llvm::divideCeil(kernel.threads, 32) << " of "
       << Occupancy::kWarps << " warps\n";
  }
  for (const std::string &note : image.binary.notes)
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
  if (!hasOps) {
    if (llvm::none_of(module.getOps<func::FuncOp>(), [](func::FuncOp function) {
          return function->hasAttr(tok::kLaunchAttrName);
        }))
      return llvm::createStringError(
          "found no kernel, expected tok.kernel ops, "
          "or a func.func with '" +
          Twine(tok::kLaunchAttrName) + "'");
    return OwningOpRef<ModuleOp>(module.clone());
  }
  OwningOpRef<ModuleOp> kernels =
      emitCudaKernels(module, file.getArchitecture());
  if (!kernels)
    return llvm::createStringError("the kernels cannot be emitted");
  return kernels;
}

/// Drops the kernels that `--kernel` does not name.
static llvm::Error choose(ModuleOp module) {
  if (only.empty())
    return llvm::Error::success();
  SmallVector<func::FuncOp> others;
  SmallVector<StringRef> names;
  for (auto function : module.getOps<func::FuncOp>())
    if (function->hasAttr(tok::kLaunchAttrName)) {
      names.push_back(function.getName());
      if (function.getName() != only)
        others.push_back(function);
    }
  if (others.size() == names.size())
    return llvm::createStringError("--kernel: found no '" + only +
                                   "', expected one of " +
                                   llvm::join(names, ", "));
  for (func::FuncOp other : others)
    other.erase();
  return llvm::Error::success();
}

/// What the compiler makes of each kernel, one after the other.
static llvm::Error writeCode(llvm::raw_ostream &os, ModuleOp module,
                             const CudaArchitecture &architecture) {
  for (OwningOpRef<ModuleOp> &kernel : splitCudaKernels(module)) {
    llvm::Expected<CudaCode> code = compileCudaModule(*kernel, architecture);
    if (!code)
      return code.takeError();
    os << (emit == Emit::Llvm ? code->llvmIR : code->ptx);
  }
  return llvm::Error::success();
}

/// What ptxas makes of the kernels.
static llvm::Error writeImages(llvm::raw_ostream &os, ModuleOp module,
                               const CudaArchitecture &architecture) {
  llvm::Expected<std::string> ptxas = findPtxas();
  if (!ptxas)
    return ptxas.takeError();
  llvm::Expected<CudaBuild> build = buildCudaKernels(
      module, architecture, {*ptxas, noCache ? "" : getCudaCacheFolder()});
  if (!build)
    return build.takeError();
  if (!build->cacheProblem.empty())
    llvm::WithColor::warning(llvm::errs(), "tokopt-kernels")
        << "kernels are not kept: " << build->cacheProblem
        << "; set TOKOPT_CACHE to a folder that can be written, or pass "
           "--no-cache\n";
  if (emit == Emit::Cubin && build->images.size() != 1)
    return llvm::createStringError(
        "found " + Twine(build->images.size()) +
        " kernels, but a cubin has one: name it by --kernel");
  llvm::Error error = llvm::Error::success();
  for (const CudaImage &image : build->images) {
    if (emit == Emit::Report)
      writeReport(os, image, architecture);
    error = llvm::joinErrors(std::move(error), checkBinary(image.binary));
  }
  if (!error && emit == Emit::Cubin)
    os << build->images.front().binary.cubin;
  return error;
}

static llvm::Error writeKernels(llvm::raw_ostream &os, KernelFile &file) {
  auto kernels = getKernels(file);
  if (!kernels)
    return kernels.takeError();
  if (llvm::Error error = choose(**kernels))
    return error;
  switch (emit) {
  case Emit::Mlir: {
    OpPrintingFlags flags;
    if (locations)
      flags.enableDebugInfo(/*enable=*/true, /*prettyForm=*/false);
    (*kernels)->print(os, flags);
    return llvm::Error::success();
  }
  case Emit::Llvm:
  case Emit::Ptx:
    return writeCode(os, **kernels, file.getArchitecture());
  case Emit::Cubin:
  case Emit::Report:
    return writeImages(os, **kernels, file.getArchitecture());
  }
  llvm_unreachable("all emissions are handled");
}

static llvm::Error loadPlugins() {
  for (const std::string &path : plugins) {
    llvm::Expected<PassPlugin> plugin = PassPlugin::load(path);
    if (!plugin)
      return plugin.takeError();
    plugin->registerPassRegistryCallbacks();
  }
  return llvm::Error::success();
}

static llvm::Error run(const CudaArchitecture &architecture) {
  if (llvm::Error error = loadPlugins())
    return error;
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
