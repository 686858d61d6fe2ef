//===- Sim.h - Runs CUDA kernels on the CPU, with every check on -*- C++
//-*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The simulator executes the LLVM IR that the CUDA target gives to the NVPTX
// backend (docs/simulator.md). Each thread of a block is a fiber; what threads
// do together, and every access to memory, is checked against a model of the
// machine.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_SIM_H
#define TOKOPT_SIM_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace llvm {
class raw_ostream;
} // namespace llvm

namespace tokopt::sim {

/// How a kernel is launched. Blocks have one dimension.
struct Launch {
  uint32_t grid[3] = {1, 1, 1};
  uint32_t threads = 1;
  /// Dynamic shared memory of a block.
  uint32_t sharedBytes = 0;
};

/// A tensor of global memory of which boxes are copied (PTX ISA, "Tensors").
/// Dimensions begin with the innermost, whose elements lie side by side.
struct TensorMap {
  uint64_t base = 0;
  uint32_t elementBytes = 2;
  /// Elements of each dimension; of what lies beyond them, copies give zeros.
  std::vector<uint64_t> sizes;
  /// Bytes from an element to the next, of all dimensions but the innermost.
  std::vector<uint64_t> strides;
  /// Elements of a box.
  std::vector<uint32_t> box;
  /// Bytes of a row of a box whose chunks of 16 bytes are swizzled in shared
  /// memory: 32, 64, 128, or 0 where they are not.
  uint32_t swizzle = 0;
};

struct Options {
  /// Which of the possible orders of threads and blocks is run.
  uint32_t seed = 0;
  /// Accesses to memory, operations and turns of loops after which a block is
  /// given up, so that a kernel that never ends does not run for ever.
  uint64_t stepLimit = uint64_t(1) << 28;
};

/// Something a kernel must not do.
struct Report {
  /// A short name of what it is, such as `race`.
  std::string kind;
  /// The line of the template, as `file:line`.
  std::string location;
  /// Where in the grid, and what happened.
  std::string text;
  /// The line and the text of the other of two accesses, if there are two.
  std::string otherLocation, otherText;
  /// How often it happened at these lines.
  uint64_t count = 1;
};

/// Prints `report` as compilers print errors.
void print(llvm::raw_ostream &stream, const Report &report);

/// What the accesses of a line cost.
struct AccessCount {
  std::string location, what;
  bool isShared = false;
  /// Instructions of a warp, and bytes that they touch.
  uint64_t requests = 0, bytes = 0;
  /// Sectors of 32 bytes of global memory, or passes over the banks of shared
  /// memory, and how many there would be if neighbours touched neighbours.
  uint64_t units = 0, fewest = 0;
};

/// Prints `count` as one line.
void print(llvm::raw_ostream &stream, const AccessCount &count);

struct Statistics {
  uint64_t accesses = 0, collectives = 0, barriers = 0;
  /// Products of matrices: `mma` instructions of a warp.
  uint64_t products = 0;
  std::vector<AccessCount> counts;
};

struct Result {
  std::vector<Report> reports;
  Statistics statistics;
};

/// A kernel with its memory.
class Simulator {
public:
  /// Prepares the kernel `name` of a module of LLVM IR. Fails with "no
  /// simulation for ..." and the place if it has an instruction that is not
  /// modelled.
  static llvm::Expected<std::unique_ptr<Simulator>>
  create(llvm::StringRef llvmIR, llvm::StringRef name);
  virtual ~Simulator() = default;

  /// Global memory, where the kernel finds it too. Unless `isWritten`, reads of
  /// what has not been written are reported.
  virtual llvm::Expected<uint8_t *>
  addBuffer(llvm::StringRef name, uint64_t bytes, bool isWritten) = 0;
  /// Says of bytes of a buffer that the host has written them, or that what
  /// they hold is no longer of use.
  virtual void setWritten(const uint8_t *address, uint64_t bytes,
                          bool isWritten) = 0;
  /// A map of a tensor, as an argument of a kernel.
  virtual uint64_t addTensorMap(const TensorMap &map) = 0;
  /// Runs the grid. `arguments` are the kernel's, each in the low bytes of a
  /// word. What earlier runs wrote stays written.
  virtual llvm::Expected<Result> run(const Launch &launch,
                                     llvm::ArrayRef<uint64_t> arguments,
                                     const Options &options = {}) = 0;
  /// Who wrote a byte of a buffer last, as `file:line: by ...`, or empty.
  virtual std::string describeWriter(const uint8_t *address) const = 0;
};

} // namespace tokopt::sim

#endif // TOKOPT_SIM_H
