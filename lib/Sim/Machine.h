//===- Machine.h - Runs the blocks of a grid --------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_SIM_MACHINE_H
#define TOKOPT_LIB_SIM_MACHINE_H

#include "lib/Sim/Agents.h"
#include "lib/Sim/Counter.h"
#include "lib/Sim/Fiber.h"
#include "lib/Sim/Locals.h"
#include "lib/Sim/Memory.h"
#include "lib/Sim/Program.h"
#include "lib/Sim/Shadow.h"
#include "lib/Sim/TensorBox.h"
#include "tokopt/Sim.h"

#include "llvm/ADT/Twine.h"

#include <deque>
#include <map>
#include <unordered_map>

namespace tokopt::sim {

/// Threads of a warpgroup (PTX ISA, "wgmma").
inline constexpr uint32_t kWarpgroupThreads = 128;

/// Named barriers of a block.
inline constexpr uint32_t kBarriers = 16;

/// What shared memory holds before it is written: NaN as f16, bf16 and f32.
inline constexpr int kPoison = 0xff;

/// The number that f16 or bf16 `bits` stand for.
float toFloat(uint16_t bits, bool isBrain);

/// `block (x, y, z)` for the block of that number.
std::string describeBlock(const Launch &launch, uint32_t number);

/// Runs one launch. Blocks come one after the other, in an order that the seed
/// chooses; the threads of a block are fibers that run until they wait for
/// others.
class Machine {
public:
  Machine(const Program &program, const Memory &memory, Shadow &shadow,
          Agents &agents, Locals &locals, Stacks &stacks, const Launch &launch,
          llvm::ArrayRef<uint64_t> arguments, const Options &options);

  Result run();

  // Called by the kernel.
  /// An access of the running thread.
  void access(uint64_t address, uint64_t bytes, uint32_t flags,
              uint64_t alignment, uint32_t site);
  void operate(uint32_t site, const uint64_t *operands, void *result);
  uint32_t readRegister(uint32_t site) const;
  void use(uint32_t site, uint32_t bits);
  /// Gives the running thread an array of its own, without contents.
  uint64_t beginArray(uint32_t array) { return locals.begin(running, array); }
  /// Counts what the kernel does. Gives the block up when it has done more than
  /// any that ends, and lets other threads go on now and then.
  void step(uint32_t site);
  [[noreturn]] void fail(uint32_t site, Fault fault);

  /// The machine that runs on this thread.
  static thread_local Machine *current;

private:
  /// The address in shared or global memory that `address` of the space in
  /// `flags` stands for. Gives the block up if it is one of another space.
  uint64_t resolve(uint64_t address, uint32_t flags, uint32_t site);
  /// Gives the block up unless `bytes` from `address` exist and are aligned.
  /// Returns the buffer, null for shared memory.
  const Buffer *checkPlace(uint64_t address, uint64_t bytes, uint64_t alignment,
                           uint32_t site);

  // Locals.cpp
  /// An access of the running thread to local memory, which is nobody else's.
  void accessLocal(const Locals::Place &place, uint64_t address, uint64_t bytes,
                   uint32_t flags, uint64_t alignment, uint32_t site);

  enum class State : uint8_t {
    Ready,
    AtBarrier,
    AtMbarrier,
    AtPool, // for registers
    InWarp,
    Done
  };

  /// A copy that is on its way.
  struct Copy {
    uint64_t to = 0, from = 0;
    /// Bytes that it writes, and those that it reads for them.
    uint32_t bytes = 0, taken = 0, site = 0;
    std::array<uint8_t, 16> data = {};
  };

  /// A chunk of a box of a tensor that is on its way, with what it brings.
  struct TensorChunk : BoxChunk {
    std::array<uint8_t, kChunkBytes> data;
  };

  /// A box that is on its way to shared memory.
  struct TensorCopy {
    std::vector<TensorChunk> chunks;
    uint32_t site = 0, thread = 0;
    int64_t bytes() const {
      return static_cast<int64_t>(chunks.size() * kChunkBytes);
    }
    /// What the thread knew that began it.
    View view;
  };

  /// A box that is on its way to global memory: the chunks that the tensor has
  /// a part of, which comes first in their data.
  struct TensorStore {
    std::vector<TensorChunk> chunks;
    uint32_t site = 0;
  };

  /// Stores that are waited for together.
  struct StoreGroup {
    std::vector<TensorStore> stores;
    bool isRead = false;
  };

  /// A barrier in shared memory (PTX ISA, "mbarrier"). A phase ends when
  /// `count` threads have arrived, and as many bytes as they expect.
  struct Mbarrier {
    uint32_t count = 0, pending = 0, phase = 0;
    /// Bytes that are expected less those that have arrived.
    int64_t bytes = 0;
    /// Who made it and where, and the fence from which on the async proxy sees
    /// it.
    Stamp maker;
    std::optional<Stamp> published;
    /// What those know that have arrived, and at the end of the last phase.
    View arriving, released;
    /// Copies that will arrive here, by the agent `agent`, which has begun as
    /// many as `begun`.
    uint32_t agent = 0, begun = 0;
    std::deque<TensorCopy> copies;

    bool hasEnded(uint32_t parity) const { return phase % 2 != parity; }
    /// Bytes that are expected and that no copy brings.
    int64_t lackingBytes() const {
      int64_t lacking = bytes;
      for (const TensorCopy &copy : copies)
        lacking -= copy.bytes();
      return lacking;
    }
  };

  /// A product of matrices that a warpgroup has begun.
  struct Product {
    uint32_t site = 0;
    bool isDone = false;
    /// What each thread gave for the sums, then the sums; how many of them have
    /// been handed on.
    std::vector<uint32_t> sums;
    size_t taken = 0;
    /// The left matrix: what each thread gave, or its descriptor.
    std::vector<uint32_t> left;
    uint64_t leftDescriptor = 0, rightDescriptor = 0;
    /// The chunks of shared memory that it reads.
    std::vector<uint64_t> chunks;
  };

  /// Threads that multiply together, and their products in flight.
  struct Warpgroup {
    uint32_t arrived = 0, site = 0;
    bool isFenced = false;
    /// Products that no group has yet, and groups that have not been waited
    /// for; how many groups there were, and how many of them are done.
    std::vector<uint32_t> products;
    std::deque<std::vector<uint32_t>> groups;
    uint32_t committed = 0, done = 0;
    /// Registers that each thread has, and those that it waits for; the
    /// threads' clocks when they last had others.
    uint32_t registers = 0, claimed = 0;
    Clock changed;
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
    /// Boxes to global memory: those that no group has yet, groups that have
    /// not arrived, and how many groups there were.
    std::vector<TensorStore> stores;
    std::deque<StoreGroup> storeGroups;
    uint32_t storeGroupsBegun = 0;
    /// The barrier in shared memory that it waits for or has looked at in vain,
    /// and the parity of the phase.
    uint64_t awaited = 0;
    uint32_t parity = 0;
  };

  /// The lanes of a warp that have come to a collective.
  struct Warp {
    uint32_t arrived = 0, mask = 0, site = 0;
  };

  /// A barrier of the block (PTX ISA, "barrier"). It opens when as many threads
  /// as needed have come, and begins again.
  struct Barrier {
    uint32_t needed = 0, arrivals = 0;
    /// How often it has opened.
    uint32_t phase = 0;
    std::vector<uint32_t> waiting;
    View view;
    /// Where each thread came last, in which phase, and whether it waited.
    struct Visit {
      uint32_t phase = ~uint32_t(0), site = 0;
      bool hasWaited = false;
    };
    std::vector<Visit> visits;
    /// Those that waited when it opened last, with their clocks from then on:
    /// whoever knows of one of these knows that it has opened.
    std::vector<std::pair<uint32_t, uint32_t>> released;

    bool isNamed(uint32_t number, uint32_t blockThreads) const {
      return number || needed != blockThreads;
    }
  };

  // Machine.cpp: blocks and their threads.
  static void fiberMain();
  void runBlock();
  void startThreads();
  bool runReadyThread();
  void reportStuckThreads();
  /// What a thread waits for that waits for ever.
  std::string describeWait(const Thread &thread) const;
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
  /// Gives the block up if the thread's arrival may count for another use of
  /// the barrier.
  void checkVisit(uint32_t number, const Barrier &barrier, uint32_t site);
  /// The number of the barrier at which a thread waits.
  uint32_t findBarrier(const Thread &thread) const;
  /// What has arrived at barriers that do not open before the block ends.
  void checkBarriersOpened();

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

  // Mbarriers.cpp
  void initMbarrier(uint32_t site, const uint64_t *operands);
  void arriveAtMbarrier(uint32_t site, uint64_t address, uint64_t bytes);
  /// Whether the phase of `parity` has ended. Says no at first, as the
  /// instruction may when its time is up, and the next time only when the
  /// phase has ended.
  bool tryMbarrier(uint32_t site, uint64_t address, uint32_t parity);
  Mbarrier &findMbarrier(uint32_t site, uint64_t address);
  /// Lets copies arrive as long as they alone are missing in a phase, and ends
  /// it.
  void settle(uint64_t address, Mbarrier &barrier);
  void publishMbarriers(uint32_t site);
  /// Whether copies of the running thread can arrive at the barrier.
  bool isPublished(const Mbarrier &barrier) const;

  // TensorCopies.cpp
  /// The map at `address`, of so many dimensions. Gives the block up unless a
  /// box of it can lie at `shared`.
  const TensorMap &checkBox(uint32_t site, uint64_t address, uint64_t shared,
                            uint32_t dimensions);
  /// An access of an agent on behalf of the running thread.
  void touchBox(uint64_t address, uint64_t bytes, bool isWrite, Stamp now,
                const View &view);
  void startTensorCopy(uint32_t site, const uint64_t *operands,
                       const Operation &operation);
  void land(Mbarrier &barrier, const TensorCopy &copy);
  /// What copies of tensors have not arrived when the block ends.
  void checkTensorCopiesLanded();
  void dropTensorCopies();

  // TensorStores.cpp
  void startTensorStore(uint32_t site, const uint64_t *operands,
                        const Operation &operation);
  void commitTensorStores();
  /// Lets groups be read until so many are left, and arrive unless
  /// `readsOnly`.
  void waitForTensorStores(uint64_t pending, bool readsOnly);
  void finishReading(StoreGroup &group);
  void land(const TensorStore &store);
  /// What stores of the running thread still read when it ends.
  void checkTensorStoresRead();
  /// Keeps what has not been waited for until the grid ends, and lets it
  /// arrive then.
  void leaveTensorStores();
  void landLateTensorStores();

  // Warpgroups.cpp
  void meetWarpgroup(uint32_t site, const uint64_t *operands, void *result);
  void executeWarpgroup(uint32_t number, uint32_t site);
  void startProduct(uint32_t number, uint32_t site);
  void finishProduct(uint32_t number, Product &product);
  void waitForProducts(uint32_t number, uint32_t site);
  /// Gives each thread of a warpgroup the registers that it gave, and sums in
  /// the place of products that are done.
  void handRegistersOn(uint32_t number, const CudaAssembly &form);
  /// The sum that stands for `bits` of a thread of a warpgroup, null if it is
  /// in flight or no sum of a product; `product` says of which.
  const uint32_t *findSum(uint32_t bits, uint32_t thread, Product *&product);
  void takeSum(Product &product);
  /// The chunks of a matrix in shared memory, `rows` of the product's rows or
  /// columns by 16 of its depth.
  void readChunks(uint64_t descriptor, uint32_t rows, bool isTransposed,
                  const View &view, Product &product, const Stamp &now);
  void checkProductsAwaited();

  // Pools.cpp: registers of warpgroups
  /// Registers that a thread begins with, or 0 where nothing says.
  uint32_t firstRegisters() const;
  void changeRegisters(uint32_t number, uint32_t site);
  /// Gives registers to those that wait, as long as there are enough.
  void dealOutRegisters();

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
  Agents &agents;
  Locals &locals;
  Stacks &stacks;
  const Launch launch;
  llvm::ArrayRef<uint64_t> arguments;
  const Options options;

  Result result;
  /// The report for a kind and two sites.
  std::map<std::tuple<std::string, uint32_t, uint32_t>, size_t> reported;

  uint32_t block = 0, running = 0, random = 0;
  Counter counter;
  bool isAbandoned = false, isEndless = false;
  uint64_t steps = 0, nextPass = 0, looks = 0;
  /// What each location of atomics tells those who read it,
  /// in global memory, and in the block's own shared memory.
  std::unordered_map<uint64_t, Message> messages, sharedMessages;
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  std::vector<Barrier> barriers;
  std::map<uint64_t, Mbarrier> mbarriers;
  /// What blocks that have ended left on its way to global memory.
  std::vector<TensorStore> lateStores;
  std::vector<Warpgroup> warpgroups;
  /// By what names them in registers.
  std::map<uint32_t, Product> products;
  uint32_t productCount = 0;
  /// Registers that no warp of the block has.
  uint32_t pool = 0;
  void *scheduler = nullptr;
};

} // namespace tokopt::sim

#endif // TOKOPT_LIB_SIM_MACHINE_H
