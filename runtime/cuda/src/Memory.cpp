//===- Memory.cpp - Memory of the GPU, and pinned memory ------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/src/Failure.h"
#include "runtime/cuda/src/Gpu.h"
#include "runtime/src/Guard.h"

#include <cinttypes>

using namespace tokrt;
using namespace tokrt::cuda;

static tokrt_status_t checkLimit(const Account &account, uint64_t bytes,
                                 const char *subject, const char *limit,
                                 tokrt_error_t *error) {
  if (bytes == 0)
    return fail(error, TOKRT_INVALID_ARGUMENT, "%s: expected at least one byte",
                subject);
  if (!account.allows(bytes))
    return fail(error, TOKRT_EXHAUSTED,
                "%s: found %" PRIu64 " bytes in use, expected at most %" PRIu64
                " together; free some, or raise %s",
                subject, account.used, account.limit, limit);
  return TOKRT_OK;
}

tokrt_status_t tokrt_cuda_allocate(tokrt_cuda_t *gpu, uint64_t bytes,
                                   tokrt_cuda_address_t *out_address,
                                   tokrt_error_t *error) {
  return guarded(error, "tokrt_cuda_allocate", [&] {
    char subject[64];
    snprintf(subject, sizeof subject, "%" PRIu64 " bytes of the GPU's memory",
             bytes);
    Entered entered(gpu, subject, error);
    if (entered.status != TOKRT_OK)
      return entered.status;
    if (tokrt_status_t status = checkLimit(gpu->deviceMemory, bytes, subject,
                                           "device_bytes", error))
      return status;
    // The place for the block comes first: what was allocated is never lost.
    gpu->deviceBlocks.reserve(gpu->deviceBlocks.size() + 1);
    Address address;
    Result result = gpu->driver.memAlloc.function(&address, bytes);
    if (statusOf(result) == TOKRT_OUT_OF_MEMORY) {
      size_t free, total;
      if (tokrt_status_t status =
              gpu->call(gpu->driver.memGetInfo, subject, error, &free, &total))
        return status;
      char advice[160];
      snprintf(advice, sizeof advice,
               "%zu of %zu bytes are free, and %" PRIu64 " are this process's; "
               "free some, or end other programs that use the GPU",
               free, total, gpu->deviceMemory.used);
      return gpu->fail(result, subject, gpu->driver.memAlloc.name, advice,
                       error);
    }
    if (result != kSuccess)
      return gpu->fail(result, subject, gpu->driver.memAlloc.name, nullptr,
                       error);
    try {
      gpu->deviceBlocks.emplace(address, bytes);
    } catch (...) {
      gpu->release(gpu->driver.memFree, subject, address);
      throw;
    }
    gpu->deviceMemory.used += bytes;
    *out_address = address;
    return TOKRT_OK;
  });
}

/// Something is freed that is not allocated, or not any more. Whoever did it
/// has no status to see it in.
static void tellUnknown(tokrt_cuda_t *gpu, const char *call, uint64_t address) {
  tokrt_error_t error;
  tokrt_status_t status =
      fail(&error, TOKRT_INVALID_ARGUMENT,
           "%s: found 0x%" PRIx64 ", expected what was allocated on the GPU; "
           "free each block once, by its beginning",
           call, address);
  gpu->tellAtClose(status, error);
}

void tokrt_cuda_free(tokrt_cuda_t *gpu, tokrt_cuda_address_t address) {
  if (!address)
    return;
  auto block = gpu->deviceBlocks.find(address);
  if (block == gpu->deviceBlocks.end())
    return tellUnknown(gpu, "tokrt_cuda_free", address);
  char subject[64];
  snprintf(subject, sizeof subject, "%" PRIu64 " bytes of the GPU's memory",
           block->second);
  gpu->settle(subject);
  if (!gpu->release(gpu->driver.memFree, subject, address))
    return;
  gpu->deviceMemory.used -= block->second;
  gpu->deviceBlocks.erase(block);
}

bool tokrt_cuda_s::isPinned(const void *data, uint64_t bytes) const {
  auto block = pinnedBlocks.upper_bound(data);
  if (block == pinnedBlocks.begin())
    return false;
  --block;
  auto offset = uint64_t(static_cast<const char *>(data) -
                         static_cast<const char *>(block->first));
  return offset <= block->second && bytes <= block->second - offset;
}

tokrt_status_t tokrt_cuda_allocate_pinned(tokrt_cuda_t *gpu, uint64_t bytes,
                                          void **out_data,
                                          tokrt_error_t *error) {
  return guarded(error, "tokrt_cuda_allocate_pinned", [&] {
    char subject[64];
    snprintf(subject, sizeof subject, "%" PRIu64 " bytes of pinned memory",
             bytes);
    Entered entered(gpu, subject, error);
    if (entered.status != TOKRT_OK)
      return entered.status;
    if (tokrt_status_t status = checkLimit(gpu->pinnedMemory, bytes, subject,
                                           "pinned_bytes", error))
      return status;
    void *data;
    Result result = gpu->driver.memHostAlloc.function(&data, bytes, 0);
    if (result != kSuccess)
      return gpu->fail(result, subject, gpu->driver.memHostAlloc.name,
                       statusOf(result) == TOKRT_OUT_OF_MEMORY
                           ? "the host has no memory that can be pinned; ask "
                             "for less, or look at ulimit -l"
                           : nullptr,
                       error);
    try {
      gpu->pinnedBlocks.emplace(data, bytes);
    } catch (...) {
      gpu->release(gpu->driver.memFreeHost, subject, data);
      throw;
    }
    gpu->pinnedMemory.used += bytes;
    *out_data = data;
    return TOKRT_OK;
  });
}

void tokrt_cuda_free_pinned(tokrt_cuda_t *gpu, void *data) {
  if (!data)
    return;
  auto block = gpu->pinnedBlocks.find(data);
  if (block == gpu->pinnedBlocks.end())
    return tellUnknown(gpu, "tokrt_cuda_free_pinned",
                       reinterpret_cast<uintptr_t>(data));
  char subject[64];
  snprintf(subject, sizeof subject, "%" PRIu64 " bytes of pinned memory",
           block->second);
  gpu->settle(subject);
  if (!gpu->release(gpu->driver.memFreeHost, subject, data))
    return;
  gpu->pinnedMemory.used -= block->second;
  gpu->pinnedBlocks.erase(block);
}
