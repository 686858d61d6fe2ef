//===- Launch.cpp - Launches ----------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/src/Failure.h"
#include "runtime/cuda/src/Gpu.h"
#include "runtime/src/Guard.h"

using namespace tokrt;
using namespace tokrt::cuda;

/// Blocks that a grid may have (CUDA's programming guide, "Compute
/// capabilities").
static constexpr uint32_t kMaxGrid[3] = {0x7fffffff, 65535, 65535};

void tokrt_cuda_s::take(tokrt_cuda_stream_t *stream, const void *owner,
                        const char *name) {
  if (stream->origin)
    return stream->origin->captured.add(stream, owner, name);
  stream->busy = true;
  launched.add(stream, owner, name);
}

tokrt_status_t tokrt_cuda_s::endLaunch(tokrt_cuda_stream_t *stream,
                                       tokrt_error_t *error) {
  return checkLaunches && !stream->origin
             ? tokrt_cuda_stream_wait(stream, error)
             : TOKRT_OK;
}

/// Whether the arguments are those that the kernel takes, as far as it is
/// known: the driver reads so much memory.
static tokrt_status_t checkArguments(const tokrt_cuda_kernel_t *kernel,
                                     const tokrt_cuda_launch_t *launch,
                                     const char *subject,
                                     tokrt_error_t *error) {
  size_t bytes = launch->argument_bytes, count = launch->parameter_count;
  if (bytes && count)
    return fail(error, TOKRT_INVALID_ARGUMENT,
                "%s: found %zu bytes of arguments and %zu parameters, expected "
                "one of the two",
                subject, bytes, count);
  if (count && kernel->parameterCount && count != *kernel->parameterCount)
    return fail(error, TOKRT_INVALID_ARGUMENT,
                "%s: found %zu parameters, expected %zu", subject, count,
                *kernel->parameterCount);
  if (!count && kernel->argumentBytes && bytes != *kernel->argumentBytes)
    return fail(error, TOKRT_INVALID_ARGUMENT,
                "%s: found %zu bytes of arguments, expected %zu: its "
                "parameters, without padding behind the last",
                subject, bytes, *kernel->argumentBytes);
  if (bytes && !launch->arguments)
    return fail(error, TOKRT_INVALID_ARGUMENT,
                "%s: found %zu bytes of arguments at NULL, expected where they "
                "are (arguments)",
                subject, bytes);
  if (count && !launch->parameters)
    return fail(error, TOKRT_INVALID_ARGUMENT,
                "%s: found %zu parameters at NULL, expected where they are "
                "(parameters)",
                subject, count);
  for (size_t i = 0; i < count; ++i)
    if (!launch->parameters[i])
      return fail(error, TOKRT_INVALID_ARGUMENT,
                  "%s: found parameter %zu at NULL, expected where it is "
                  "(parameters)",
                  subject, i);
  return TOKRT_OK;
}

tokrt_status_t tokrt_cuda_launch(tokrt_cuda_stream_t *stream,
                                 tokrt_cuda_kernel_t *kernel,
                                 const tokrt_cuda_launch_t *launch,
                                 tokrt_error_t *error) {
  return guarded(error, "tokrt_cuda_launch", [&] {
    tokrt_cuda_t *gpu = stream->gpu;
    char subject[256];
    snprintf(subject, sizeof subject, "kernel %s of %s", kernel->name.c_str(),
             kernel->module->name.c_str());
    Entered entered(gpu, subject, error);
    if (entered.status != TOKRT_OK)
      return entered.status;
    if (launch->shared_bytes > kernel->sharedBytes)
      return fail(error, TOKRT_INVALID_ARGUMENT,
                  "%s: found %u bytes of shared memory, expected at most %u, "
                  "for which it was prepared (tokrt_cuda_kernel_get)",
                  subject, launch->shared_bytes, kernel->sharedBytes);
    size_t bytes = launch->argument_bytes, count = launch->parameter_count;
    if (tokrt_status_t status = checkArguments(kernel, launch, subject, error))
      return status;
    void *extra[] = {kArgumentBuffer, const_cast<void *>(launch->arguments),
                     kArgumentBytes, &bytes, nullptr};
    Result result = gpu->driver.launchKernel.function(
        kernel->function, launch->grid[0], launch->grid[1], launch->grid[2],
        launch->threads, 1, 1, launch->shared_bytes, stream->stream,
        count ? const_cast<void **>(launch->parameters) : nullptr,
        bytes ? extra : nullptr);
    if (result != kSuccess) {
      char advice[384];
      snprintf(advice, sizeof advice,
               "found a grid of %u x %u x %u blocks, %u threads, %u bytes of "
               "shared memory, %zu bytes of arguments, expected 1 to %u x %u x "
               "%u blocks, 1 to %d threads, and together with the kernel's own "
               "at most %u bytes of shared memory",
               launch->grid[0], launch->grid[1], launch->grid[2],
               launch->threads, launch->shared_bytes, bytes, kMaxGrid[0],
               kMaxGrid[1], kMaxGrid[2], kernel->threads,
               kernel->sharedBytes + kernel->ownSharedBytes);
      return gpu->fail(result, subject, gpu->driver.launchKernel.name,
                       result == kInvalidValue ? advice : nullptr, error);
    }
    gpu->take(stream, kernel, kernel->name.c_str());
    return gpu->endLaunch(stream, error);
  });
}
