//===- Order.h - What happened before what ----------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Vector clocks (Fidge 1988, Mattern 1989) for two levels: a thread has a clock
// for every thread of its block, which barriers join, and clocks of those other
// blocks that it has heard of through fences and atomics (PTX ISA, "Memory
// Consistency Model": release and acquire patterns).
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_SIM_ORDER_H
#define TOKOPT_LIB_SIM_ORDER_H

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

namespace tokopt::sim {

/// For each thread of a block, up to when what it did is known. Behind them
/// stand the agents of the block: what copies tensors and multiplies matrices
/// while threads go on. A clock that ends before an entry knows nothing of it.
using Clock = std::vector<uint32_t>;

/// Takes over what `other` knows.
void join(Clock &clock, const Clock &other);

/// An access: who, when by their own clock, and at which site.
struct Stamp {
  uint32_t block = 0, thread = 0, clock = 0, site = 0;
  /// An atomic access, one for threads of all blocks, and one that reads before
  /// it writes.
  bool isAtomic = false, isDevice = false, isUpdate = false;
  /// An access of the async proxy (PTX ISA, "Proxies").
  bool isAsync = false;
  /// One of that proxy to global memory.
  bool isGlobal = false;
  /// What an instruction for barriers in shared memory does to one.
  bool isMbarrier = false;
  /// A load of what nothing writes while the kernel runs (`ld.global.nc`).
  bool isInvariant = false;
  /// Bytes of an atomic access, whose address is a multiple of them.
  uint8_t atomicBytes = 0;
};

/// What is known of blocks. Many threads know the same, so it is shared.
class History {
public:
  void add(uint32_t block, const Clock &clock);
  void join(const History &other);
  /// What is known of `block`, or null.
  const Clock *find(uint32_t block) const;

private:
  using Blocks = std::map<uint32_t, std::shared_ptr<const Clock>>;
  std::shared_ptr<const Blocks> blocks;

  friend struct View;
};

/// What a thread knows to have happened.
struct View {
  /// In its own block.
  Clock clock;
  /// In other blocks.
  History others;
  /// In other blocks, if every atomic had fences around it: tells a fence that
  /// is missing from an order that is.
  History rumours;
  /// In its own block, up to when the async proxy sees what threads did to
  /// shared, and to global memory: what was known at a fence between the
  /// proxies on the way here.
  Clock fencedShared, fencedGlobal;

  void join(const View &other);
  /// Takes over what `history` says of the thread's own block `block` and of
  /// others.
  void acquire(const History &history, uint32_t block);
  /// All that is known to a thread of `block`.
  History release(uint32_t block) const;

  /// Whether `access` happened before what the thread `thread` of `block` does
  /// next.
  bool hasSeen(const Stamp &access, uint32_t block, uint32_t thread) const;

  /// What `thread` knows of either memory becomes visible to the async proxy.
  void fenceProxies(uint32_t thread, bool isShared, bool isGlobal);
  /// Whether `access` of the own block to either memory is visible to the async
  /// proxy.
  bool hasFenced(const Stamp &access, bool isGlobal) const;
  /// What an agent has done until `time` is known.
  void learn(uint32_t agent, uint32_t time);
  /// Keeps of its own block what `other` knows too.
  void intersect(const View &other);
};

/// What a location of atomics hands from those who write it to those who read
/// it.
struct Message {
  /// To threads of any block, and to those of block `number`.
  History device, block;
  uint32_t number = 0;
  History rumours;
};

/// How a thread sends and receives messages.
class Mailbox {
public:
  /// A fence among the threads of the block, or of all blocks.
  void fence(View &view, uint32_t block, uint32_t thread, bool isDevice,
             bool acquires, bool releases);
  /// An atomic that reads `message`, or writes it; one that does both continues
  /// what was there.
  void read(View &view, const Message &message, uint32_t block, bool isDevice,
            bool acquires);
  void write(View &view, Message &message, uint32_t block, uint32_t thread,
             bool isDevice, bool releases, bool continues) const;

private:
  /// What was known at the last fence: what an atomic after it tells.
  History sentDevice, sentBlock;
  /// What atomics have told: known after the next fence.
  History receivedDevice, receivedBlock;
};

} // namespace tokopt::sim

#endif // TOKOPT_LIB_SIM_ORDER_H
