//===- Build.cpp - Kernels that a driver can load -------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels are built one by one, so they are built side by side, and one that
// was built before is not built again. What it is made of is its own IR, with
// the lines of its template, for which `-lineinfo` keeps a place in the cubin.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Common/CodeGenerator.h"
#include "lib/Target/Common/Parallel.h"
#include "lib/Target/Cuda/Cuda.h"
#include "lib/Target/Cuda/KernelCache.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <mutex>

using namespace mlir;
using namespace tokopt;
using llvm::Expected;

std::vector<OwningOpRef<ModuleOp>> tokopt::splitCudaKernels(ModuleOp module) {
  std::vector<OwningOpRef<ModuleOp>> modules;
  for (auto kernel : module.getOps<func::FuncOp>()) {
    if (!kernel->hasAttr(tok::kLaunchAttrName))
      continue;
    OwningOpRef<ModuleOp> alone = ModuleOp::create(module.getLoc());
    auto builder = OpBuilder::atBlockEnd(alone->getBody());
    for (Operation &op : *module.getBody())
      if (&op == kernel || !isa<func::FuncOp>(op))
        builder.clone(op);
    modules.push_back(std::move(alone));
  }
  return modules;
}

namespace {

/// A kernel that is to be built.
struct Job {
  CudaKernel kernel;
  PortableModule module;
  std::string key;
};

} // namespace

static Expected<std::vector<Job>> makeJobs(ModuleOp module,
                                           const CudaArchitecture &architecture,
                                           StringRef ptxasVersion) {
  ErrorCollector errors(module.getContext(), architecture.name);
  std::string program = getProgramIdentity();
  std::vector<Job> jobs;
  for (OwningOpRef<ModuleOp> &alone : splitCudaKernels(module)) {
    FailureOr<CudaKernel> kernel = failure();
    for (auto function : alone->getOps<func::FuncOp>())
      kernel = readKernel(function);
    if (failed(kernel))
      return errors.makeError("the kernels cannot be compiled");
    auto portable = PortableModule::create<
        arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect,
        LLVM::LLVMDialect, math::MathDialect, NVVM::NVVMDialect,
        scf::SCFDialect, tok::TokDialect, vector::VectorDialect>(*alone);
    if (!portable)
      return portable.takeError();
    std::string key = KernelCache::keyOf(
        {portable->bytecode, architecture.name, program, ptxasVersion});
    jobs.push_back({std::move(*kernel), std::move(*portable), std::move(key)});
  }
  if (jobs.empty())
    return makeCodeError(architecture.name,
                         "there is no kernel: expected a func.func with '" +
                             Twine(tok::kLaunchAttrName) + "'");
  return jobs;
}

static Expected<CudaImage>
make(const Job &job, const CudaArchitecture &architecture, StringRef ptxas) {
  MLIRContext context(job.module.registry, MLIRContext::Threading::DISABLED);
  auto module = job.module.read(&context, architecture.name);
  if (!module)
    return module.takeError();
  Expected<CudaCode> code = compileCudaModule(**module, architecture);
  if (!code)
    return code.takeError();
  Expected<CudaBinary> binary = assembleChecked(ptxas, code->ptx, architecture);
  if (!binary)
    return binary.takeError();
  CudaImage image;
  image.hash = std::move(code->hash);
  image.ptx = std::move(code->ptx);
  image.binary = std::move(*binary);
  return image;
}

Expected<CudaBuild>
tokopt::buildCudaKernels(ModuleOp module, const CudaArchitecture &architecture,
                         const CudaBuildOptions &options) {
  Expected<std::string> version = getPtxasVersion(options.ptxas);
  if (!version)
    return version.takeError();
  Expected<std::vector<Job>> jobs = makeJobs(module, architecture, *version);
  if (!jobs)
    return jobs.takeError();

  CudaBuild build;
  KernelCache cache(options.cache);
  std::mutex mutex;
  bool isNew = false;
  auto images = makeInParallel<CudaImage>(
      jobs->size(), [&](size_t i) -> Expected<CudaImage> {
        const Job &job = (*jobs)[i];
        if (std::optional<CudaImage> kept = cache.find(job.key)) {
          kept->kernel = job.kernel;
          return std::move(*kept);
        }
        Expected<CudaImage> image = make(job, architecture, options.ptxas);
        if (!image)
          return image.takeError();
        image->kernel = job.kernel;
        llvm::Error error = cache.keep(job.key, *image);
        std::lock_guard<std::mutex> lock(mutex);
        isNew = true;
        if (error)
          build.cacheProblem = llvm::toString(std::move(error));
        return image;
      });
  if (!images)
    return images.takeError();
  build.images = std::move(*images);
  if (isNew && !options.cache.empty())
    cache.prune(kCudaCacheBytes);
  return build;
}
