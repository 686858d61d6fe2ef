//===- Memory.cpp - Global and shared memory ------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Sim/Memory.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/MathExtras.h"

#include <sys/mman.h>
#include <unistd.h>

using namespace llvm;
using namespace tokopt::sim;

/// Address space that belongs to one buffer; it lies in the middle. More than
/// 2^31 elements of 8 bytes on either side.
static constexpr uint64_t kRoom = uint64_t(1) << 36;
static constexpr uint64_t kLargestBuffer = uint64_t(1) << 34;
static constexpr uint64_t kPage = 4096;

static Error makeError(const Twine &message) {
  return createStringError(inconvertibleErrorCode(), message);
}

Memory::~Memory() {
  for (uint64_t mapped : {shared, window})
    if (mapped)
      munmap(reinterpret_cast<void *>(mapped), kSharedMost);
  for (Buffer *buffer : buffers) {
    munmap(reinterpret_cast<void *>(buffer->begin - kRoom / 2), kRoom);
    delete buffer;
  }
}

void *Memory::mapAt(int file, void *wanted) {
  return mmap(wanted, kSharedMost, PROT_READ | PROT_WRITE,
              MAP_SHARED | (wanted ? MAP_FIXED_NOREPLACE : 0), file, 0);
}

Error Memory::mapShared() {
  int file = memfd_create("shared", MFD_CLOEXEC);
  if (file < 0)
    return makeError("there is no memory for shared memory");
  scope_exit closer([&] { close(file); });
  if (ftruncate(file, kSharedMost))
    return makeError("there is no memory for shared memory");
  // 16 MiB apart: descriptors of matrices keep 18 bits of an address. What is
  // mapped there already is left alone.
  for (uint64_t base = 0x10000000; base < 0xf0000000; base += 0x1000000) {
    void *wanted = reinterpret_cast<void *>(base);
    void *made = mapAt(file, wanted);
    if (made == wanted) {
      shared = base;
      break;
    }
    // A kernel that does not know the flag takes the address for a hint.
    if (made != MAP_FAILED)
      munmap(made, kSharedMost);
  }
  if (!shared)
    return makeError("there is no room for shared memory below 4 GiB");
  void *made = mapAt(file, nullptr);
  if (made == MAP_FAILED)
    return makeError("there is no room for generic addresses of shared memory");
  window = reinterpret_cast<uint64_t>(made);
  return Error::success();
}

Expected<Buffer *> Memory::addBuffer(StringRef name, uint64_t bytes,
                                     bool isWritten) {
  if (bytes > kLargestBuffer)
    return makeError("buffer '" + name + "' of " + Twine(bytes) +
                     " bytes is larger than the simulator's " +
                     Twine(kLargestBuffer));
  void *room = mmap(nullptr, kRoom, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED)
    return makeError("there is no address space for buffer '" + name + "'");
  char *begin = static_cast<char *>(room) + kRoom / 2;
  if (bytes && mprotect(begin, alignTo(bytes, kPage), PROT_READ | PROT_WRITE)) {
    munmap(room, kRoom);
    return makeError("there is no memory for buffer '" + name + "'");
  }
  buffers.push_back(new Buffer{name.str(), reinterpret_cast<uint64_t>(begin),
                               bytes, isWritten});
  return buffers.back();
}

uint64_t Memory::addMap(const TensorMap &map) {
  return reinterpret_cast<uint64_t>(&maps.emplace_back(map));
}

const TensorMap *Memory::findMap(uint64_t address) const {
  for (const TensorMap &map : maps)
    if (reinterpret_cast<uint64_t>(&map) == address)
      return &map;
  return nullptr;
}

const Buffer *Memory::find(uint64_t address) const {
  for (const Buffer *buffer : buffers)
    if (address >= buffer->begin && address - buffer->begin < buffer->bytes)
      return buffer;
  return nullptr;
}

const Buffer *Memory::findNearest(uint64_t address) const {
  for (const Buffer *buffer : buffers)
    if (address + kRoom / 2 >= buffer->begin &&
        address < buffer->begin + kRoom / 2)
      return buffer;
  return nullptr;
}

std::string Memory::describe(uint64_t address) const {
  if (isShared(address))
    return "shared + " + std::to_string(address - shared);
  if (isInWindow(address))
    return "the generic address of shared + " +
           std::to_string(address - window);
  if (const Buffer *buffer = findNearest(address)) {
    if (address < buffer->begin)
      return buffer->name + " - " + std::to_string(buffer->begin - address);
    return buffer->name + " + " + std::to_string(address - buffer->begin);
  }
  return "address " + std::to_string(address);
}
