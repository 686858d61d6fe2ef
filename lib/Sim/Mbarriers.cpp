//===- Mbarriers.cpp - Barriers in shared memory --------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "mbarrier". A phase ends when all have arrived and no byte is
// missing; whoever waits for it then knows what those knew that arrived, and
// what its copies wrote. Copies arrive as late as they can: when they alone are
// missing and somebody waits.
//
//===----------------------------------------------------------------------===//

#include "lib/Sim/Machine.h"

using namespace llvm;
using namespace tokopt::sim;

/// Bytes of the object, and the most threads or bytes of a phase.
static constexpr uint64_t kObjectBytes = 8;
static constexpr uint64_t kMostCount = (1 << 20) - 1;

void Machine::initMbarrier(uint32_t site, const uint64_t *operands) {
  uint64_t address = operands[0], count = operands[1];
  if (auto made = mbarriers.find(address); made != mbarriers.end()) {
    report("bad mbarrier", site, running,
           "at " + memory.describe(address) + ", where one is already",
           made->second.maker.site,
           "made by " + whereIs(block, made->second.maker.thread));
    abandon();
  }
  access(address, kObjectBytes, kWrite | kShared, kObjectBytes, site);
  if (count < 1 || count > kMostCount) {
    report("bad mbarrier", site, running,
           "at " + memory.describe(address) + " for " + Twine(count) +
               " threads: it counts 1 to " + Twine(kMostCount));
    abandon();
  }
  shadow.setMbarrier(address, kObjectBytes);
  Mbarrier &barrier = mbarriers[address];
  barrier.count = barrier.pending = count;
  barrier.agent =
      agents.find(Agents::Kind::CopiesOfBarrier, mbarriers.size() - 1);
  barrier.maker = stampOf(site);
}

Machine::Mbarrier &Machine::findMbarrier(uint32_t site, uint64_t address) {
  auto found = mbarriers.find(address);
  if (found == mbarriers.end()) {
    report("bad mbarrier", site, running,
           "at " + memory.describe(address) +
               ", where nothing has initialized one");
    abandon();
  }
  Stamp maker = found->second.maker;
  if (!threads[running].view.hasSeen(maker, block, running)) {
    report("race", site, running,
           "at " + memory.describe(address) +
               " is not ordered after its making",
           maker.site, "made by " + whereIs(block, maker.thread));
    return found->second;
  }
  // What threads do at a barrier comes one after the other, but not so others
  // that write to where it lies.
  Stamp now = stampOf(site);
  now.isAtomic = now.isMbarrier = true;
  now.atomicBytes = kObjectBytes;
  if (std::optional<Conflict> conflict =
          shadow.access(address, kObjectBytes, now, threads[running].view,
                        /*isWrite=*/true, /*isWritten=*/false))
    reportConflict(*conflict, site);
  return found->second;
}

void Machine::publishMbarriers(uint32_t site) {
  for (auto &[address, barrier] : mbarriers)
    if (barrier.maker.thread == running && !barrier.published)
      barrier.published = stampOf(site);
}

bool Machine::isPublished(const Mbarrier &barrier) const {
  const View &view = threads[running].view;
  return (barrier.published &&
          view.hasSeen(*barrier.published, block, running)) ||
         view.hasFenced(barrier.maker, /*isGlobal=*/false);
}

void Machine::arriveAtMbarrier(uint32_t site, uint64_t address,
                               uint64_t bytes) {
  Mbarrier &barrier = findMbarrier(site, address);
  if (bytes > kMostCount) {
    report("bad mbarrier", site, running,
           "expects " + Twine(bytes) + " bytes at " + memory.describe(address) +
               ", more than the " + Twine(kMostCount) + " that it counts");
    abandon();
  }
  if (!barrier.pending) {
    report("bad mbarrier", site, running,
           "at " + memory.describe(address) + ", where phase " +
               Twine(barrier.phase) + " has had its " + Twine(barrier.count) +
               " arrivals");
    abandon();
  }
  View &view = threads[running].view;
  barrier.arriving.join(view);
  ++view.clock[running];
  barrier.bytes += bytes;
  --barrier.pending;
  // Copies keep until somebody asks for them.
  bool isAwaited = any_of(threads, [&](const Thread &thread) {
    return thread.state == State::AtMbarrier && thread.awaited == address;
  });
  if (isAwaited || barrier.copies.empty())
    settle(address, barrier);
}

void Machine::settle(uint64_t address, Mbarrier &barrier) {
  if (barrier.pending)
    return;
  while (barrier.bytes && !barrier.copies.empty()) {
    land(barrier, barrier.copies.front());
    barrier.copies.pop_front();
  }
  if (barrier.bytes)
    return;
  ++barrier.phase;
  barrier.pending = barrier.count;
  barrier.released = barrier.arriving;
  for (Thread &thread : threads)
    if (thread.state == State::AtMbarrier && thread.awaited == address &&
        barrier.hasEnded(thread.parity))
      thread.state = State::Ready;
}

bool Machine::tryMbarrier(uint32_t site, uint64_t address, uint32_t parity) {
  Mbarrier &barrier = findMbarrier(site, address);
  Thread &thread = threads[running];
  if (!barrier.hasEnded(parity)) {
    if (thread.awaited != address || thread.parity != parity) {
      thread.awaited = address;
      thread.parity = parity;
      pass();
      return false;
    }
    settle(address, barrier);
    if (!barrier.hasEnded(parity)) {
      thread.site = site;
      wait(State::AtMbarrier);
    }
  }
  thread.awaited = 0;
  thread.view.join(barrier.released);
  return true;
}
