//===- Memory.cpp - Anonymous and file mappings ---------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Memory.h"

#include <cerrno>
#include <sys/mman.h>

namespace tokrt {

Mapping &Mapping::operator=(Mapping &&other) noexcept {
  if (this != &other) {
    reset();
    base = other.base;
    bytes = other.bytes;
    other.base = nullptr;
    other.bytes = 0;
  }
  return *this;
}

void Mapping::reset() {
  if (base)
    munmap(base, bytes);
  base = nullptr;
  bytes = 0;
}

static uint8_t *map(uint64_t size, int protection, int flags, int fd,
                    uint64_t offset) {
  // mmap refuses nothing; an empty mapping still wants an address.
  if (size == 0)
    size = 1;
  if (size > PTRDIFF_MAX || offset > PTRDIFF_MAX) {
    errno = ENOMEM;
    return nullptr;
  }
  void *address =
      mmap(nullptr, size, protection, flags, fd, static_cast<off_t>(offset));
  return address == MAP_FAILED ? nullptr : static_cast<uint8_t *>(address);
}

bool Mapping::reserve(uint64_t size, bool huge) {
  reset();
  base = map(size, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (!base)
    return false;
  bytes = size ? size : 1;
  if (huge)
    madvise(base, bytes, MADV_HUGEPAGE); // advice; a refusal costs only speed
  return true;
}

bool Mapping::reserveAddresses(uint64_t size) {
  reset();
  base =
      map(size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base)
    bytes = size ? size : 1;
  return base;
}

bool Mapping::mapFile(int fd, uint64_t offset, uint64_t size, bool shared,
                      bool populate) {
  reset();
  int flags =
      (shared ? MAP_SHARED : MAP_PRIVATE) | (populate ? MAP_POPULATE : 0);
  base = map(size, PROT_READ, flags, fd, offset);
  if (base)
    bytes = size ? size : 1;
  return base;
}

} // namespace tokrt
