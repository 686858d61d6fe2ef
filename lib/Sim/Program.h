//===- Program.h - A kernel prepared for the host ---------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel's accesses to memory and its instructions of the GPU become calls of
// the machine; everything else is compiled for the host as it is.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_SIM_PROGRAM_H
#define TOKOPT_LIB_SIM_PROGRAM_H

#include "lib/Sim/Locals.h"
#include "tokopt/CudaAssembly.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace llvm {
class Module;
namespace orc {
class LLJIT;
} // namespace orc
} // namespace llvm

namespace tokopt::sim {

class Memory;

/// The instructions of the GPU that have a model.
enum class Opcode : uint8_t {
  ThreadId,
  BlockId,
  ThreadCount,
  BlockCount, // of a dimension
  Barrier,
  BarrierCount,
  BarrierArrive, // of the block
  WarpBarrier,
  Shuffle,
  Vote,
  LoadMatrix,
  MultiplyMatrix, // of a warp
  PackPair,
  CopyAsync,
  CopyCommit,
  CopyWait,
  CopyWaitAll,
  Fence,
  // Barriers in shared memory that count threads and bytes, and what arrives
  // there; fences between proxies.
  MbarrierInit,
  MbarrierArrive,
  MbarrierExpect, // and arrive
  MbarrierTryWait,
  FenceMbarrierInit,
  FenceProxy,
  CopyTensor,
  // Boxes of tensors to global memory, in groups of a thread.
  StoreTensor,
  StoreCommit,
  StoreWait,
  StoreWaitRead,
  // Of a warpgroup.
  WarpgroupMultiply,
  WarpgroupFence,
  WarpgroupCommit,
  WarpgroupWait,
  ReleaseRegisters,
  ClaimRegisters,
  Hint, // nothing that a model has
};

enum class ShuffleKind : uint8_t { Xor, Up, Down, Index };
enum class VoteKind : uint8_t { All, Any, Uniform, Ballot };

/// The memory that a fence between proxies is about, as bits.
enum FencedMemory : uint8_t { kSharedMemory = 1, kGlobalMemory = 2 };

/// An instruction, decoded.
struct Operation {
  Opcode opcode;
  /// A dimension, a kind of shuffle or vote, a fence's AccessFlags or
  /// FencedMemory, bytes of a copy, dimensions of a tensor, matrices to load,
  /// or 1 for bf16 rather than f16.
  uint8_t detail = 0;
  /// Whether the result has a second member that says if it is valid.
  bool hasPredicate = false;
  /// Whether a copy says how much of its source there is, or a wait how many
  /// groups it leaves.
  bool hasSize = false;
  bool isTransposed = false;
  /// What operands and results of a warpgroup's products are.
  CudaAssembly assembly = {CudaAssembly::Kind::Fence};
  /// Whether a product takes registers that no fence has given back.
  bool takesUnfenced = false;
};

/// The operation that the intrinsic `name` (after `llvm.nvvm.`) stands for.
std::optional<Operation> decode(llvm::StringRef name);

/// What an instruction can find that leaves it without a result.
enum class Fault : uint8_t { DivisionByZero, DivisionOverflow, Overlap };

/// A place of the kernel that the machine hears of.
struct Site {
  std::string location; ///< `file:line` of the template
  std::string what;     ///< `load of 4 bytes`, `barrier`, ...
  Operation operation = {};
  /// Bytes that an instruction moves, of which the backend makes several of a
  /// larger access; 0 for all of them.
  uint64_t piece = 0;
};

/// How an access is made, as bits.
enum AccessFlags : uint32_t {
  kRead = 0,
  kWrite = 1,
  kAtomic = 2,
  /// Reads what it writes.
  kUpdate = 4,
  /// Of threads of all blocks; else of those of one block.
  kDevice = 8,
  kAcquire = 16,
  kRelease = 32,
  /// By an address of shared or of global memory; else by a generic one.
  kShared = 64,
  kGlobal = 128,
  /// Of what nothing writes while the kernel runs.
  kInvariant = 256,
  /// A copy or fill of any length, of which the backend makes a loop.
  kLoop = 512
};

class Program {
public:
  /// Compiles `name`, whose shared variables lie in `memory`.
  static llvm::Expected<std::unique_ptr<Program>>
  load(llvm::StringRef llvmIR, llvm::StringRef name, const Memory &memory);
  ~Program();

  using Entry = void (*)(const uint64_t *arguments);
  Entry entry = nullptr;
  size_t argumentCount = 0;
  /// Shared memory that the module itself defines.
  uint64_t staticSharedBytes = 0;
  /// Blocks that a multiprocessor has at a time, as the kernel says, or 0; and
  /// the most registers of a thread that one of its setmaxnreg names.
  uint32_t residents = 0, mostRegisters = 0;
  std::vector<Site> sites;
  /// What each thread has in local memory.
  std::vector<LocalArray> arrays;

private:
  Program();
  llvm::Error rewrite(llvm::Module &module, llvm::StringRef name,
                      const Memory &memory);

  std::unique_ptr<llvm::orc::LLJIT> jit;
};

// What rewritten kernels call (Machine.cpp).
extern "C" {
void tokopt_sim_access(uint64_t address, uint64_t bytes, uint32_t flags,
                       uint32_t alignment, uint32_t site);
void tokopt_sim_operation(uint32_t site, const uint64_t *operands,
                          void *result);
uint32_t tokopt_sim_register(uint32_t site);
/// The kernel takes a register that may be a sum of a product in flight.
void tokopt_sim_use(uint32_t site, uint32_t bits);
/// The kernel begins the life of an array, or ends it. Returns its address.
void *tokopt_sim_array(uint32_t number);
/// A loop begins again.
void tokopt_sim_loop(uint32_t site);
/// An instruction has no result, by a Fault. Does not return.
void tokopt_sim_fault(uint32_t site, uint32_t fault);
}

} // namespace tokopt::sim

#endif // TOKOPT_LIB_SIM_PROGRAM_H
