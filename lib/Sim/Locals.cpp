//===- Locals.cpp - Local memory of threads -------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Sim/Machine.h"

#include "llvm/Support/MathExtras.h"

#include <cstring>

#include <sys/mman.h>

using namespace llvm;
using namespace tokopt::sim;

/// The least room of an array. An index that is wrong by thousands still stays
/// within it.
static constexpr uint64_t kLeastRoom = 64 * 1024;

Locals::Locals(ArrayRef<LocalArray> arrays) : arrays(arrays) {
  uint64_t largest = 0;
  for (const LocalArray &array : arrays) {
    begins.push_back(bytes);
    bytes += array.bytes;
    largest = std::max(largest, array.bytes);
  }
  room = std::max(kLeastRoom, PowerOf2Ceil(4 * largest));
}

Locals::~Locals() {
  if (base)
    munmap(reinterpret_cast<void *>(base), size());
}

Error Locals::reserve(uint32_t wanted) {
  if (arrays.empty() || wanted <= threads)
    return Error::success();
  if (base)
    munmap(reinterpret_cast<void *>(base), size());
  base = 0;
  threads = wanted;
  contents.assign(bytes * threads, false);
  void *made = mmap(nullptr, size(), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (made == MAP_FAILED)
    return createStringError(inconvertibleErrorCode(),
                             "there is no address space for the local memory "
                             "of %u threads",
                             threads);
  base = reinterpret_cast<uint64_t>(made);
  return Error::success();
}

uint64_t Locals::begin(uint32_t thread, uint32_t array) {
  uint64_t address = base + (thread * arrays.size() + array) * room + room / 2;
  std::memset(reinterpret_cast<void *>(address), kPoison, arrays[array].bytes);
  std::memset(written({thread, array, 0}), false, arrays[array].bytes);
  return address;
}

std::optional<Locals::Place> Locals::find(uint64_t address) const {
  if (!base || address < base || address - base >= size())
    return std::nullopt;
  uint64_t number = (address - base) / room;
  return Place{static_cast<uint32_t>(number / arrays.size()),
               static_cast<uint32_t>(number % arrays.size()),
               static_cast<int64_t>((address - base) % room) -
                   static_cast<int64_t>(room / 2)};
}

uint8_t *Locals::written(const Place &place) {
  return contents.data() + place.thread * bytes + begins[place.array] +
         place.offset;
}

//===----------------------------------------------------------------------===//
// What a kernel does to it
//===----------------------------------------------------------------------===//

void Machine::accessLocal(const Locals::Place &place, uint64_t address,
                          uint64_t bytes, uint32_t flags, uint64_t alignment,
                          uint32_t site) {
  const LocalArray &array = program.arrays[place.array];
  std::string where = "at local " +
                      std::string(place.offset < 0 ? "- " : "+ ") +
                      std::to_string(std::abs(place.offset));
  auto fail = [&](StringRef kind, const Twine &text) {
    report(kind, site, running, where + text, array.site,
           program.sites[array.site].what + " is here");
  };
  if (place.thread != running) {
    fail("wrong space", " of thread " + Twine(place.thread) +
                            ", which no other thread can reach");
    abandon();
  }
  // Sizes are small, and copies are of any length.
  if (place.offset < 0 || bytes > array.bytes ||
      place.offset + bytes > array.bytes) {
    fail("out of bounds", " of " + Twine(array.bytes) + " bytes");
    abandon();
  }
  if (address % alignment) {
    fail("misaligned", ", not a multiple of " + Twine(alignment));
    abandon();
  }
  uint8_t *written = locals.written(place), *end = written + bytes;
  if (flags & kUpdate || !(flags & kWrite))
    if (std::find(written, end, false) != end)
      fail("unwritten", ", which nothing has written");
  if (flags & kWrite)
    std::fill(written, end, true);
}
