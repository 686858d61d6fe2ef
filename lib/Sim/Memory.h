//===- Memory.h - Global and shared memory ----------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_SIM_MEMORY_H
#define TOKOPT_LIB_SIM_MEMORY_H

#include "tokopt/Sim.h"

#include "llvm/Support/Error.h"

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace tokopt::sim {

/// Shared memory of any device, rounded up.
inline constexpr uint64_t kSharedMost = 256 * 1024;

/// A buffer of global memory.
struct Buffer {
  std::string name;
  uint64_t begin, bytes;
  /// Whether it had contents from the start.
  bool isWritten;
};

/// The memory a kernel sees. Buffers lie far apart, so that an index that is
/// wrong, even by the wrap-around of 32 bits, meets no other buffer.
class Memory {
public:
  Memory() = default;
  ~Memory();
  Memory(const Memory &) = delete;

  /// Maps shared memory in the low 4 GiB, where 32 bits hold its addresses, and
  /// once more for generic addresses: a number of the one means nothing as one
  /// of the other.
  llvm::Error mapShared();
  llvm::Expected<Buffer *> addBuffer(llvm::StringRef name, uint64_t bytes,
                                     bool isWritten);

  /// The address that stands for a map of a tensor, and the map of an address
  /// or null.
  uint64_t addMap(const TensorMap &map);
  const TensorMap *findMap(uint64_t address) const;

  uint64_t sharedBase() const { return shared; }
  bool isShared(uint64_t address) const {
    return address >= shared && address < shared + kSharedMost;
  }
  /// Where generic addresses of shared memory begin (PTX ISA, "Generic
  /// Addressing").
  uint64_t windowBase() const { return window; }
  bool isInWindow(uint64_t address) const {
    return address >= window && address < window + kSharedMost;
  }
  /// The buffer that holds the address, or null.
  const Buffer *find(uint64_t address) const;
  /// The buffer within or around whose room the address lies, or null.
  const Buffer *findNearest(uint64_t address) const;
  /// An address in words: `x + 12`, or how far it lies from the nearest buffer.
  std::string describe(uint64_t address) const;

private:
  /// Maps shared memory at `wanted`, or anywhere if that is null.
  static void *mapAt(int file, void *wanted);

  uint64_t shared = 0, window = 0;
  std::vector<Buffer *> buffers;
  std::deque<TensorMap> maps;
};

} // namespace tokopt::sim

#endif // TOKOPT_LIB_SIM_MEMORY_H
