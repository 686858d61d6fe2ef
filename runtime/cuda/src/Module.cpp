//===- Module.cpp - Modules and their kernels -----------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/src/Failure.h"
#include "runtime/cuda/src/Gpu.h"
#include "runtime/cuda/src/Image.h"
#include "runtime/src/Guard.h"

#include <algorithm>
#include <cinttypes>
#include <cstring>

using namespace tokrt;
using namespace tokrt::cuda;

/// Shared memory that a kernel has, its own and dynamic, without being asked to
/// take more.
static constexpr int kPlainSharedBytes = 48 << 10;

/// What to do about an image that the driver refuses.
static std::string adviceOn(const Driver &driver, const Image &image) {
  char text[160];
  if (image.toolkit > driver.version)
    snprintf(text, sizeof text,
             "the tools of CUDA %d.%d made it and the driver is of CUDA %d.%d: "
             "update NVIDIA's driver, or assemble with an older ptxas",
             image.toolkit / 1000, image.toolkit % 1000 / 10,
             driver.version / 1000, driver.version % 1000 / 10);
  else
    snprintf(text, sizeof text,
             "the driver is of CUDA %d.%d: compile it again, or update "
             "NVIDIA's driver",
             driver.version / 1000, driver.version % 1000 / 10);
  return text;
}

/// The first line of a log of the driver that says something.
static std::string firstLine(const char *log) {
  while (*log == '\n' || *log == ' ')
    ++log;
  return std::string(log, strcspn(log, "\n"));
}

tokrt_status_t tokrt_cuda_module_load(tokrt_cuda_t *gpu, const char *name,
                                      const void *data, size_t size,
                                      tokrt_cuda_module_t **out_module,
                                      tokrt_error_t *error) {
  return guarded(error, name, [&] {
    Entered entered(gpu, name, error);
    if (entered.status != TOKRT_OK)
      return entered.status;
    const Driver &driver = gpu->driver;
    Image image = readImage(data, size);
    if (!image.runsOn(gpu->info.capability))
      return fail(error, TOKRT_UNSUPPORTED,
                  "%s: found code for sm_%d, expected code for sm_%u, which %s "
                  "is; compile the kernel for it (--target)",
                  name, image.capability, gpu->info.capability, gpu->name);
    // The driver is told no size.
    if (image.end > size)
      return fail(error, TOKRT_INVALID_FILE,
                  "%s: found %zu bytes, expected %" PRIu64
                  ": the file is cut off; compile it again",
                  name, size, image.end);
    if (!image.isCubin && !image.isText)
      return fail(error, TOKRT_INVALID_FILE,
                  "%s: found %zu bytes that are neither a cubin nor PTX, "
                  "expected one of the two; compile it again",
                  name, size);
    auto module = std::make_unique<tokrt_cuda_module_t>();
    module->gpu = gpu;
    module->name = name;
    // PTX is text, and ends where a zero byte is.
    std::string text;
    if (!image.isCubin) {
      text.assign(static_cast<const char *>(data), size);
      data = text.c_str();
    }
    char log[1024] = "";
    int options[] = {kErrorLog, kErrorLogBytes};
    void *values[] = {log, reinterpret_cast<void *>(sizeof log)};
    Result result = driver.moduleLoadDataEx.function(&module->module, data, 2,
                                                     options, values);
    if (result != kSuccess) {
      std::string advice;
      log[sizeof log - 1] = 0;
      if (std::string line = firstLine(log); !line.empty())
        advice = "the driver says: " + line + "; ";
      bool refused = statusOf(result) == TOKRT_UNSUPPORTED ||
                     statusOf(result) == TOKRT_INVALID_FILE;
      if (refused)
        advice += adviceOn(driver, image);
      return gpu->fail(result, name, driver.moduleLoadDataEx.name,
                       refused ? advice.c_str() : nullptr, error);
    }
    *out_module = module.release();
    return TOKRT_OK;
  });
}

void tokrt_cuda_module_destroy(tokrt_cuda_module_t *module) {
  if (!module)
    return;
  std::unique_ptr<tokrt_cuda_module_t> owner(module);
  module->gpu->settle(module->name.c_str());
  for (const auto &kernel : module->kernels)
    module->gpu->forgetOwner(kernel.get());
  module->gpu->release(module->gpu->driver.moduleUnload, module->name.c_str(),
                       module->module);
}

/// Asks for the end of the last parameter, and how many there are. A driver
/// from before CUDA 12.4 does not say, and takes what it is given.
static tokrt_status_t askArgumentBytes(tokrt_cuda_kernel_t &kernel,
                                       const char *subject,
                                       tokrt_error_t *error) {
  tokrt_cuda_t *gpu = kernel.module->gpu;
  const auto &ask = gpu->driver.funcGetParamInfo;
  if (!ask.function)
    return TOKRT_OK;
  size_t end = 0, i = 0;
  for (;; ++i) {
    size_t offset, size;
    Result result = ask.function(kernel.function, i, &offset, &size);
    if (result == kInvalidValue) // there is none
      break;
    if (result != kSuccess)
      return gpu->fail(result, subject, ask.name, nullptr, error);
    end = offset + size;
  }
  kernel.argumentBytes = end;
  kernel.parameterCount = i;
  return TOKRT_OK;
}

/// The module's kernel of a name: there is one of each.
static tokrt_status_t find(tokrt_cuda_module_t *module, const char *name,
                           const char *subject, tokrt_cuda_kernel_t **out,
                           tokrt_error_t *error) {
  for (const auto &kernel : module->kernels)
    if (kernel->name == name) {
      *out = kernel.get();
      return TOKRT_OK;
    }
  tokrt_cuda_t *gpu = module->gpu;
  auto kernel = std::make_unique<tokrt_cuda_kernel_t>(
      tokrt_cuda_kernel_t{module, name, nullptr, 0, 0, 0, {}, {}});
  if (tokrt_status_t status =
          gpu->call(gpu->driver.moduleGetFunction, subject, error,
                    &kernel->function, module->module, name))
    return status;
  if (tokrt_status_t status =
          gpu->call(gpu->driver.funcGetAttribute, subject, error,
                    &kernel->threads, kMaxThreads, kernel->function))
    return status;
  if (tokrt_status_t status =
          gpu->call(gpu->driver.funcGetAttribute, subject, error,
                    &kernel->ownSharedBytes, kOwnSharedBytes, kernel->function))
    return status;
  kernel->sharedBytes = std::max(kPlainSharedBytes - kernel->ownSharedBytes, 0);
  if (tokrt_status_t status = askArgumentBytes(*kernel, subject, error))
    return status;
  module->kernels.push_back(std::move(kernel));
  *out = module->kernels.back().get();
  return TOKRT_OK;
}

tokrt_status_t tokrt_cuda_kernel_get(tokrt_cuda_module_t *module,
                                     const char *name, uint32_t shared_bytes,
                                     tokrt_cuda_kernel_t **out_kernel,
                                     tokrt_error_t *error) {
  return guarded(error, name, [&] {
    tokrt_cuda_t *gpu = module->gpu;
    std::string subject = std::string("kernel ") + name + " of " + module->name;
    Entered entered(gpu, subject.c_str(), error);
    if (entered.status != TOKRT_OK)
      return entered.status;
    tokrt_cuda_kernel_t *kernel;
    if (tokrt_status_t status =
            find(module, name, subject.c_str(), &kernel, error))
      return status;
    if (uint64_t(shared_bytes) + kernel->ownSharedBytes >
        gpu->info.shared_bytes)
      return fail(error, TOKRT_UNSUPPORTED,
                  "%s: found %u bytes of shared memory beside %d of its own, "
                  "expected at most %u together, which a block of %s can have; "
                  "compile it for this GPU",
                  subject.c_str(), shared_bytes, kernel->ownSharedBytes,
                  gpu->info.shared_bytes, gpu->name);
    // The driver keeps one number for a function, so it is never lowered.
    if (shared_bytes > kernel->sharedBytes) {
      if (tokrt_status_t status = gpu->call(
              gpu->driver.funcSetAttribute, subject.c_str(), error,
              kernel->function, kMaxDynamicSharedBytes, int(shared_bytes)))
        return status;
      kernel->sharedBytes = shared_bytes;
    }
    *out_kernel = kernel;
    return TOKRT_OK;
  });
}
