//===- Barriers.cpp - Threads of a block together -------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "barrier" and "Memory Consistency Model": an arrival synchronizes
// with those that wait for the same opening. Who arrives without waiting learns
// nothing.
//
//===----------------------------------------------------------------------===//

#include "lib/Sim/Machine.h"

using namespace llvm;
using namespace tokopt::sim;

void Machine::openBarrier(Barrier &barrier) {
  ++result.statistics.barriers;
  barrier.released.clear();
  for (uint32_t waiting : barrier.waiting) {
    Thread &thread = threads[waiting];
    thread.view = barrier.view;
    barrier.released.emplace_back(waiting, ++thread.view.clock[waiting]);
    thread.state = State::Ready;
    if (waiting % kWarpThreads == 0)
      counter.meet(waiting / kWarpThreads);
  }
  ++barrier.phase;
  barrier.arrivals = 0;
  barrier.waiting.clear();
  barrier.view = {};
}

void Machine::checkVisit(uint32_t number, const Barrier &barrier,
                         uint32_t site) {
  const View &view = threads[running].view;
  const Barrier::Visit &visit = barrier.visits[running];
  if (visit.phase == barrier.phase) {
    report("bad barrier", site, running,
           "comes to barrier " + Twine(number) +
               " again before that has opened",
           visit.site, "it has arrived here");
    abandon();
  }
  auto isKnown = [&](const std::pair<uint32_t, uint32_t> &released) {
    auto [thread, clock] = released;
    return thread < view.clock.size() && view.clock[thread] >= clock;
  };
  bool hasWaited = visit.hasWaited && visit.phase + 1 == barrier.phase;
  if (!barrier.phase || hasWaited || any_of(barrier.released, isKnown))
    return;
  uint32_t last = barrier.released.front().first;
  report("bad barrier", site, running,
         "comes to barrier " + Twine(number) +
             " and does not know that it has opened since it was used last: "
             "the arrival may count for that use",
         barrier.visits[last].site,
         "thread " + Twine(last) + " waited here, and nothing orders the two");
  abandon();
}

void Machine::arrive(uint32_t number, uint32_t needed, bool waits,
                     uint32_t site) {
  Thread &thread = threads[running];
  thread.site = site;
  if (number >= kBarriers || needed > launch.threads || !needed ||
      (needed % kWarpThreads && needed != launch.threads)) {
    report("bad barrier", site, running,
           "barrier " + Twine(number) + " of " + Twine(needed) +
               " threads: a block has 16 barriers, and its " +
               Twine(launch.threads) + " threads come by warps");
    abandon();
  }
  Barrier &barrier = barriers[number];
  if (barrier.arrivals && barrier.needed != needed) {
    report("bad barrier", site, running,
           "barrier " + Twine(number) + " is used for " + Twine(needed) +
               " threads, but others wait for " + Twine(barrier.needed));
    abandon();
  }
  barrier.visits.resize(launch.threads);
  checkVisit(number, barrier, site);
  // The instruction is one of the whole warp: its lanes must not come from
  // different places.
  uint32_t first = running / kWarpThreads * kWarpThreads;
  for (uint32_t lane = first;
       lane < std::min(first + kWarpThreads, launch.threads); ++lane)
    if (barrier.visits[lane].phase == barrier.phase &&
        barrier.visits[lane].site != site) {
      report("divergent barrier", site, running,
             "other lanes of the warp wait elsewhere",
             barrier.visits[lane].site,
             "thread " + Twine(lane) + " waits here");
      abandon();
    }
  barrier.visits[running] = {barrier.phase, site, waits};
  barrier.needed = needed;
  ++barrier.arrivals;
  barrier.view.join(thread.view);
  if (waits)
    barrier.waiting.push_back(running);
  else
    ++thread.view.clock[running];
  if (barrier.arrivals < needed) {
    if (waits)
      wait(State::AtBarrier);
    return;
  }
  if (barrier.waiting.empty()) {
    report("bad barrier", site, running,
           "barrier " + Twine(number) + " opens, but all of its " +
               Twine(needed) + " threads arrive and none waits");
    abandon();
  }
  openBarrier(barrier);
}

uint32_t Machine::findBarrier(const Thread &thread) const {
  uint32_t number = &thread - threads.data();
  return find_if(barriers,
                 [&](const Barrier &barrier) {
                   return is_contained(barrier.waiting, number);
                 }) -
         barriers.begin();
}

void Machine::checkBarriersOpened() {
  for (auto [number, barrier] : enumerate(barriers)) {
    if (!barrier.arrivals || !barrier.waiting.empty())
      continue;
    auto last = find_if(barrier.visits, [&](const Barrier::Visit &visit) {
      return visit.phase == barrier.phase;
    });
    report("bad barrier", last->site, last - barrier.visits.begin(),
           "arrives where nobody waits: barrier " + Twine(number) + " has " +
               Twine(barrier.arrivals) + " of " + Twine(barrier.needed) +
               " arrivals when the block ends");
  }
}
