//===- Gpu.cpp - A GPU's context and what is on it ------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/src/Gpu.h"
#include "runtime/cuda/src/Failure.h"
#include "runtime/src/Guard.h"
#include "runtime/src/Params.h"

using namespace tokrt;
using namespace tokrt::cuda;

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

Entered::Entered(tokrt_cuda_t *gpu, const char *call, tokrt_error_t *error)
    : gpu(gpu) {
  if (gpu->closed)
    status = tokrt::fail(error, TOKRT_INVALID_ARGUMENT,
                         "%s: the GPU was closed before; open it anew, and "
                         "make what belongs to it",
                         call);
  else if (gpu->lost)
    status =
        tokrt::fail(error, TOKRT_DEVICE_LOST, "%s: the GPU was lost before: %s",
                    call, gpu->lostError.message);
  else
    status = gpu->call(gpu->driver.ctxPushCurrent, call, error, gpu->context);
}

Entered::~Entered() {
  if (status != TOKRT_OK)
    return;
  const auto &pop = gpu->driver.ctxPopCurrent;
  Context ours;
  Result result = pop.function(&ours);
  // The error of a lost GPU was told already.
  if (result == kSuccess || gpu->lost)
    return;
  tokrt_error_t error;
  tokrt_status_t refused =
      gpu->fail(result, "the end of a call", pop.name, nullptr, &error);
  gpu->tellAtClose(refused, error);
}

tokrt_status_t tokrt_cuda_s::fail(Result result, const char *subject,
                                  const char *call, const char *advice,
                                  tokrt_error_t *error) {
  if (!isSticky(result))
    return failCall(driver, result, subject, call, advice, error);
  // While a GPU is opened, nothing was launched, and no other context is
  // better.
  if (!context)
    return failCall(driver, result, subject, call,
                    "this process cannot use the GPU any more: start a new "
                    "one, and if that cannot either, look after the machine "
                    "(nvidia-smi -q)",
                    error);
  // The call that gives the error is rarely the one that made it.
  lost = true;
  failCall(driver, result, launched.describe().data, call, advice, &lostError);
  return tokrt::fail(error, TOKRT_DEVICE_LOST, "%s", lostError.message);
}

void tokrt_cuda_s::forgetOwner(const void *owner) {
  launched.forgetOwner(owner);
  for (tokrt_cuda_stream_t *stream : streams)
    stream->captured.forgetOwner(owner);
}

void tokrt_cuda_s::tellAtClose(tokrt_status_t status,
                               const tokrt_error_t &error) {
  if (releaseStatus != TOKRT_OK)
    return;
  releaseStatus = status;
  releaseError = error;
}

//===----------------------------------------------------------------------===//
// Opening and closing
//===----------------------------------------------------------------------===//

void tokrt_cuda_params_init_sized(tokrt_cuda_params_t *out_params,
                                  size_t size) {
  tokrt_cuda_params_t defaults{};
  defaults.timeout_ms = 30000;
  initParams(out_params, size, defaults);
}

/// Asks the driver about GPU number `number`.
static tokrt_status_t describe(tokrt_cuda_t &gpu, uint32_t number,
                               DeviceNumber *device, tokrt_error_t *error) {
  const Driver &driver = gpu.driver;
  char subject[32];
  snprintf(subject, sizeof subject, "GPU %u", number);
  int count;
  if (tokrt_status_t status =
          gpu.call(driver.deviceGetCount, "the driver", error, &count))
    return status;
  if (number >= static_cast<unsigned>(count))
    return fail(error, count ? TOKRT_INVALID_ARGUMENT : TOKRT_UNSUPPORTED,
                "%s: found %d GPUs, expected at least %llu; look whether "
                "nvidia-smi and CUDA_VISIBLE_DEVICES show it",
                subject, count, number + 1ull);
  if (tokrt_status_t status = gpu.call(driver.deviceGet, subject, error, device,
                                       static_cast<int>(number)))
    return status;
  if (tokrt_status_t status =
          gpu.call(driver.deviceGetName, subject, error, gpu.name,
                   int(sizeof gpu.name - 1), *device))
    return status;
  size_t bytes;
  if (tokrt_status_t status =
          gpu.call(driver.deviceTotalMem, subject, error, &bytes, *device))
    return status;
  int major, minor, multiprocessors, l2Bytes, sharedBytes;
  const struct {
    int attribute, *out;
  } asked[] = {{kCapabilityMajor, &major},
               {kCapabilityMinor, &minor},
               {kMultiprocessors, &multiprocessors},
               {kL2Bytes, &l2Bytes},
               {kSharedBytesOptIn, &sharedBytes}};
  for (const auto &[attribute, out] : asked)
    if (tokrt_status_t status = gpu.call(driver.deviceGetAttribute, subject,
                                         error, out, attribute, *device))
      return status;
  gpu.info.name = gpu.name;
  gpu.info.memory_bytes = bytes;
  gpu.info.capability = 10 * major + minor;
  gpu.info.multiprocessors = multiprocessors;
  gpu.info.l2_bytes = l2Bytes;
  gpu.info.shared_bytes = sharedBytes;
  return TOKRT_OK;
}

tokrt_status_t tokrt_cuda_open(const tokrt_cuda_params_t *params,
                               tokrt_cuda_t **out_gpu, tokrt_error_t *error) {
  tokrt_cuda_params_t given;
  if (tokrt_status_t status =
          readParams("tokrt_cuda_open", tokrt_cuda_params_init_sized, params,
                     &given, error))
    return status;
  return guarded(error, "tokrt_cuda_open", [&] {
    auto gpu = std::make_unique<tokrt_cuda_t>();
    gpu->timeoutMs = given.timeout_ms;
    gpu->checkLaunches = given.check_launches;
    gpu->deviceMemory.limit = given.device_bytes;
    gpu->pinnedMemory.limit = given.pinned_bytes;
    Driver &driver = gpu->driver;
    if (tokrt_status_t status = driver.open(given.driver, error))
      return status;
    if (tokrt_status_t status = gpu->call(driver.init, "the driver", error, 0u))
      return status;
    if (tokrt_status_t status = gpu->call(driver.driverGetVersion, "the driver",
                                          error, &driver.version))
      return status;
    gpu->info.driver_version = driver.version;
    DeviceNumber device;
    if (tokrt_status_t status = describe(*gpu, given.device, &device, error))
      return status;
    Context made, popped;
    if (tokrt_status_t status =
            gpu->call(driver.ctxCreate, gpu->name, error, &made, 0u, device))
      return status;
    // The driver makes it the thread's, which has one of its own maybe.
    if (tokrt_status_t status =
            gpu->call(driver.ctxPopCurrent, gpu->name, error, &popped)) {
      driver.ctxDestroy.function(made);
      return status;
    }
    gpu->context = made;
    *out_gpu = gpu.release();
    return TOKRT_OK;
  });
}

tokrt_status_t tokrt_cuda_close(tokrt_cuda_t *gpu, tokrt_error_t *error) {
  if (!gpu)
    return TOKRT_OK;
  if (gpu->closed)
    return fail(error, TOKRT_INVALID_ARGUMENT,
                "%s: found a GPU that was closed before; close it once",
                gpu->name);
  Kept kept(gpu);
  --gpu->users; // the caller
  gpu->settle(gpu->name);
  if (!gpu->hung) {
    const auto &destroy = gpu->driver.ctxDestroy;
    Result result = destroy.function(gpu->context);
    tokrt_error_t refused;
    if (result != kSuccess)
      gpu->tellAtClose(failCall(gpu->driver, result, gpu->name, destroy.name,
                                isSticky(result)
                                    ? "open the GPU anew; if that fails, start "
                                      "a new process"
                                    : nullptr,
                                &refused),
                       refused);
  }
  gpu->closed = true;
  if (gpu->releaseStatus != TOKRT_OK)
    return fail(error, gpu->releaseStatus, "%s", gpu->releaseError.message);
  return TOKRT_OK;
}

void tokrt_cuda_info(const tokrt_cuda_t *gpu, tokrt_cuda_info_t *out_info) {
  *out_info = gpu->info;
  out_info->lost = gpu->lost;
  out_info->device_bytes_used = gpu->deviceMemory.used;
  out_info->pinned_bytes_used = gpu->pinnedMemory.used;
}
