//===- Machine.h - Runs the blocks of a grid --------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_SIM_MACHINE_H
#define TOKOPT_LIB_SIM_MACHINE_H

#include "lib/Sim/Counter.h"
#include "lib/Sim/Fiber.h"
#include "lib/Sim/Memory.h"
#include "lib/Sim/Program.h"
#include "lib/Sim/Shadow.h"
#include "tokopt/Sim.h"

#include "llvm/ADT/Twine.h"

#include <deque>
#include <map>
#include <unordered_map>

namespace tokopt::sim {

/// Named barriers of a block.
inline constexpr uint32_t kBarriers = 16;

/// What shared memory holds before it is written: NaN as f16, bf16 and f32.
inline constexpr int kPoison = 0xff;

/// Runs one launch. Blocks come one after the other, in an order that the seed
/// chooses; the threads of a block are fibers that run until they wait for
/// others.
class Machine {
public:
  Machine(const Program &program, const Memory &memory, Shadow &shadow,
          Stacks &stacks, const Launch &launch,
          llvm::ArrayRef<uint64_t> arguments, const Options &options);

  Result run();

  // Called by the kernel.
  void access(uint64_t address, uint64_t bytes, uint32_t flags,
              uint64_t alignment, uint32_t site);
  void operate(uint32_t site, const uint64_t *operands, void *result);
  uint32_t readRegister(uint32_t site) const;

  /// The machine that runs on this thread.
  static thread_local Machine *current;

private:
  enum class State : uint8_t { Ready, AtBarrier, InWarp, Done };

  /// A copy that is on its way.
  struct Copy {
    uint64_t to = 0, from = 0;
    /// Bytes that it writes, and those that it reads for them.
    uint32_t bytes = 0, taken = 0, site = 0;
    std::array<uint8_t, 16> data = {};
  };

  struct Thread {
    void *continuation = nullptr;
    State state = State::Ready;
    /// Where it waits, with what, and where its result goes.
    uint32_t site = 0;
    const uint64_t *operands = nullptr;
    void *result = nullptr;
    View view;
    Mailbox mailbox;
    /// Copies that no group has yet, and groups that have not arrived.
    std::vector<Copy> copies;
    std::deque<std::vector<Copy>> groups;
  };

  /// The lanes of a warp that have come to a collective.
  struct Warp {
    uint32_t arrived = 0, mask = 0, site = 0;
  };

  struct Barrier {
    uint32_t needed = 0, arrivals = 0;
    std::vector<uint32_t> waiting;
    View view;
  };

  // Machine.cpp: blocks and their threads.
  static void fiberMain();
  void runBlock();
  void startThreads();
  bool runReadyThread();
  void reportStuckThreads();
  /// Lets other threads run until this one is ready again.
  void wait(State state);
  /// Lets other threads run, for a while.
  void pass();
  /// Ends the block, whose further course would mean nothing.
  [[noreturn]] void abandon();

  // Machine.cpp: atomics and fences.
  /// Gives the block up if its threads do nothing but look at atomics.
  void watchSpinning(uint64_t address, uint32_t flags, uint32_t site);
  void exchangeMessages(uint64_t address, uint32_t flags);
  void fence(const Operation &operation);

  // Barriers.cpp: threads of a block together.
  void arrive(uint32_t number, uint32_t needed, bool waits, uint32_t site);
  void openBarrier(Barrier &barrier);

  // Warps.cpp: lanes of a warp together.
  void meet(uint32_t mask, uint32_t site, const uint64_t *operands,
            void *result);
  /// The same for what all lanes of a whole warp do.
  void meetWhole(uint32_t site, const uint64_t *operands, void *result);
  void execute(uint32_t warp, uint32_t mask, uint32_t site);
  void joinViews(uint32_t warp, uint32_t mask);
  void shuffle(uint32_t warp, uint32_t mask, uint32_t site);
  void vote(uint32_t warp, uint32_t mask, const Operation &operation);

  // Matrices.cpp
  static void packPair(const uint64_t *operands, void *result,
                       const Operation &operation);
  void loadMatrices(uint32_t warp, const Operation &operation);
  void multiplyMatrices(uint32_t warp, const Operation &operation);

  // Copies.cpp
  void startCopy(uint32_t site, const uint64_t *operands,
                 const Operation &operation);
  void commitCopies();
  /// Lets groups arrive until so many are left.
  void waitForCopies(uint64_t pending);
  void land(const Copy &copy);
  void checkCopiesLanded();
  /// Forgets the copies of a block that ends: what they have read may be
  /// written by others.
  void dropCopies();

  /// The lanes of `mask` as numbers of threads.
  llvm::SmallVector<uint32_t, kWarpThreads> lanesOf(uint32_t warp,
                                                    uint32_t mask) const;

  // Reports.cpp
  /// Reports something at `site` by `thread`, once for each pair of lines.
  void report(llvm::StringRef kind, uint32_t site, uint32_t thread,
              const llvm::Twine &text);
  void report(llvm::StringRef kind, uint32_t site, uint32_t thread,
              const llvm::Twine &text, uint32_t otherSite,
              const llvm::Twine &otherText);
  void reportConflict(const Conflict &conflict, uint32_t site);
  std::string whereIs(uint32_t block, uint32_t thread) const;

  /// An access that the running thread makes at `site`.
  Stamp stampOf(uint32_t site) const {
    return {block, running, threads[running].view.clock[running], site};
  }
  uint32_t blockCount() const {
    return launch.grid[0] * launch.grid[1] * launch.grid[2];
  }
  uint32_t sharedBytes() const {
    return program.staticSharedBytes + launch.sharedBytes;
  }

  const Program &program;
  const Memory &memory;
  Shadow &shadow;
  Stacks &stacks;
  const Launch launch;
  llvm::ArrayRef<uint64_t> arguments;
  const Options options;

  Result result;
  /// The report for a kind and two sites.
  std::map<std::tuple<std::string, uint32_t, uint32_t>, size_t> reported;

  uint32_t block = 0, running = 0, random = 0;
  Counter counter;
  bool isAbandoned = false;
  uint64_t blockAccesses = 0, looks = 0;
  /// What each location of atomics tells those who read it.
  std::unordered_map<uint64_t, Message> messages;
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  std::vector<Barrier> barriers;
  void *scheduler = nullptr;
};

} // namespace tokopt::sim

#endif // TOKOPT_LIB_SIM_MACHINE_H
