//===- Barriers.cpp - Threads of a block together -------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Sim/Machine.h"

using namespace llvm;
using namespace tokopt::sim;

void Machine::openBarrier(Barrier &barrier) {
  ++result.statistics.barriers;
  counter.meetAll();
  for (uint32_t waiting : barrier.waiting) {
    Thread &thread = threads[waiting];
    thread.view = barrier.view;
    ++thread.view.clock[waiting];
    thread.state = State::Ready;
  }
  barrier = {};
}

void Machine::arrive(uint32_t number, uint32_t needed, bool waits,
                     uint32_t site) {
  Thread &thread = threads[running];
  thread.site = site;
  if (number >= kBarriers || needed > launch.threads ||
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
  // The instruction is one of the whole warp: its lanes must not come from
  // different places.
  for (uint32_t waiting : barrier.waiting)
    if (waiting / kWarpThreads == running / kWarpThreads &&
        threads[waiting].site != site) {
      report("divergent barrier", site, running,
             "other lanes of the warp wait elsewhere", threads[waiting].site,
             "thread " + Twine(waiting) + " waits here");
      abandon();
    }
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
  openBarrier(barrier);
}
