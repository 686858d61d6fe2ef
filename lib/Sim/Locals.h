//===- Locals.h - Local memory of threads -----------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An array that a thread has for itself. As functions do not call themselves,
// each thread has each array of the code once at a time, so arrays have fixed
// places, far from each other.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_SIM_LOCALS_H
#define TOKOPT_LIB_SIM_LOCALS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace tokopt::sim {

/// Local memory that a thread has at most (CUDA C++ Programming Guide,
/// "Technical Specifications per Compute Capability").
inline constexpr uint64_t kLocalMost = 512 * 1024;

/// An array of each thread.
struct LocalArray {
  uint64_t bytes = 0;
  /// Where it is declared.
  uint32_t site = 0;
};

/// The arrays of the threads of a block, used by one block after the other.
class Locals {
public:
  explicit Locals(llvm::ArrayRef<LocalArray> arrays);
  ~Locals();
  Locals(const Locals &) = delete;

  /// Makes room for the arrays of so many threads.
  llvm::Error reserve(uint32_t threads);
  /// Gives a thread one of its arrays, without contents, and returns its
  /// address.
  uint64_t begin(uint32_t thread, uint32_t array);

  /// A place of an array, or before or behind it.
  struct Place {
    uint32_t thread = 0, array = 0;
    int64_t offset = 0;
  };
  /// The place that `address` is, nothing if it is none of local memory.
  std::optional<Place> find(uint64_t address) const;
  /// Which bytes of the array from `place` on have contents.
  uint8_t *written(const Place &place);

private:
  llvm::ArrayRef<LocalArray> arrays;
  /// Where each array begins among the bytes of a thread, and all of them.
  std::vector<uint64_t> begins;
  uint64_t bytes = 0;
  /// Address space that belongs to one array of one thread; it lies in the
  /// middle.
  uint64_t room = 0;
  uint64_t base = 0;
  uint32_t threads = 0;
  std::vector<uint8_t> contents;

  uint64_t size() const { return room * arrays.size() * threads; }
};

} // namespace tokopt::sim

#endif // TOKOPT_LIB_SIM_LOCALS_H
