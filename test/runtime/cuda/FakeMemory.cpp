//===- FakeMemory.cpp - Memory of a fake GPU ------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeEntries.h"
#include "FakeStream.h"

#include <cstring>

using namespace fake;

int fake::memGetInfo(size_t *free, size_t *total) {
  BEGIN("cuMemGetInfo")
  *free = state.gpu.memoryBytes - state.used;
  *total = state.gpu.memoryBytes;
  return Success;
}

/// Pages come when they are touched, so it may be as large as a GPU's.
static void *map(size_t bytes) {
  void *block = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return block == MAP_FAILED ? nullptr : block;
}

int fake::memAlloc(uint64_t *address, size_t bytes) {
  BEGIN("cuMemAlloc")
  MUST_NOT_DISTURB()
  if (bytes == 0)
    return InvalidValue;
  if (bytes > state.gpu.memoryBytes - state.used)
    return OutOfMemory;
  void *block = map(bytes);
  if (!block)
    return OutOfMemory;
  *address = reinterpret_cast<uint64_t>(block);
  state.memory[*address] = {bytes, current};
  state.used += bytes;
  return Success;
}

int fake::memFree(uint64_t address) {
  BEGIN("cuMemFree")
  mustNotBlock("cuMemFree");
  MUST_NOT_DISTURB()
  if (!inMemory(address, 1) || !state.memory.count(address))
    return InvalidValue;
  releaseBlock(address, /*isPinned=*/false);
  return Success;
}

int fake::memHostAlloc(void **data, size_t bytes, unsigned) {
  BEGIN("cuMemHostAlloc")
  MUST_NOT_DISTURB()
  *data = map(bytes);
  if (!*data)
    return OutOfMemory;
  state.pinned[reinterpret_cast<uint64_t>(*data)] = {bytes, current};
  return Success;
}

int fake::memFreeHost(void *data) {
  BEGIN("cuMemFreeHost")
  mustNotBlock("cuMemFreeHost");
  MUST_NOT_DISTURB()
  auto address = reinterpret_cast<uint64_t>(data);
  if (!inBlock(state.pinned, address, 1) || !state.pinned.count(address))
    return InvalidValue;
  releaseBlock(address, /*isPinned=*/true);
  return Success;
}

int fake::memcpyHtoDAsync(uint64_t to, const void *from, size_t bytes,
                          void *stream) {
  BEGIN("cuMemcpyHtoDAsync")
  if (Result refused = takeWork(stream))
    return refused;
  if (!inMemory(to, bytes))
    return InvalidValue;
  mustNotBlock("cuMemcpyHtoDAsync", stream, from, bytes);
  if (!isRecorded(stream))
    memcpy(reinterpret_cast<void *>(to), from, bytes);
  return Success;
}

int fake::memcpyDtoHAsync(void *to, uint64_t from, size_t bytes, void *stream) {
  BEGIN("cuMemcpyDtoHAsync")
  if (Result refused = takeWork(stream))
    return refused;
  if (!inMemory(from, bytes))
    return InvalidValue;
  mustNotBlock("cuMemcpyDtoHAsync", stream, to, bytes);
  if (!isRecorded(stream))
    memcpy(to, reinterpret_cast<void *>(from), bytes);
  return Success;
}

int fake::memsetD8Async(uint64_t to, unsigned char value, size_t bytes,
                        void *stream) {
  BEGIN("cuMemsetD8Async")
  if (Result refused = takeWork(stream))
    return refused;
  if (!inMemory(to, bytes))
    return InvalidValue;
  if (!isRecorded(stream))
    memset(reinterpret_cast<void *>(to), value, bytes);
  return Success;
}
