//===- Copies.cpp - Asynchronous copies to shared memory ------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is copied arrives when its thread waits for its group, and not a moment
// earlier; until then the place holds NaN, and whoever touches it is reported,
// as is whoever writes to where it comes from.
//
//===----------------------------------------------------------------------===//

#include "lib/Sim/Machine.h"

#include <cstring>

using namespace llvm;
using namespace tokopt::sim;

void Machine::startCopy(uint32_t site, const uint64_t *operands,
                        const Operation &operation) {
  Copy copy;
  copy.to = operands[0];
  copy.from = operands[1];
  copy.bytes = operation.detail;
  copy.site = site;
  // A source that is shorter is followed by zeros.
  uint64_t taken = operation.hasSize ? operands[2] : copy.bytes;
  if (taken > copy.bytes) {
    report("bad copy", site, running,
           "takes " + Twine(taken) + " of " + Twine(copy.bytes) + " bytes");
    abandon();
  }
  copy.taken = taken;
  if (taken)
    access(copy.from, taken, kRead | kGlobal, copy.bytes, site);
  access(copy.to, copy.bytes, kWrite | kShared, copy.bytes, site);
  std::memcpy(copy.data.data(), reinterpret_cast<void *>(copy.from), taken);
  shadow.beginCopyFrom(copy.from, taken, stampOf(site));
  shadow.setInFlight(copy.to, copy.bytes, true);
  std::memset(reinterpret_cast<void *>(copy.to), kPoison, copy.bytes);
  threads[running].copies.push_back(copy);
}

void Machine::commitCopies() {
  Thread &thread = threads[running];
  thread.groups.push_back(std::move(thread.copies));
  thread.copies.clear();
}

void Machine::land(const Copy &copy) {
  Thread &thread = threads[running];
  shadow.setInFlight(copy.to, copy.bytes, false);
  std::memcpy(reinterpret_cast<void *>(copy.to), copy.data.data(), copy.bytes);
  shadow.endCopyFrom(copy.from, copy.taken);
  // Both sides were found to be in order when it began; from now on others must
  // be ordered after its arrival.
  Stamp now = stampOf(copy.site);
  shadow.access(copy.from, copy.taken, now, thread.view, /*isWrite=*/false,
                /*isWritten=*/true);
  shadow.access(copy.to, copy.bytes, now, thread.view, /*isWrite=*/true,
                /*isWritten=*/false);
}

void Machine::waitForCopies(uint64_t pending) {
  Thread &thread = threads[running];
  while (thread.groups.size() > pending) {
    for (const Copy &copy : thread.groups.front())
      land(copy);
    thread.groups.pop_front();
  }
}

void Machine::checkCopiesLanded() {
  const Thread &thread = threads[running];
  const std::vector<Copy> *left = &thread.copies;
  for (const std::vector<Copy> &group : reverse(thread.groups))
    if (!group.empty())
      left = &group;
  if (!left->empty())
    report("in flight", left->front().site, running,
           "has not arrived when its thread ends");
}

void Machine::dropCopies() {
  for (Thread &thread : threads) {
    thread.groups.push_back(std::move(thread.copies));
    for (const std::vector<Copy> &group : thread.groups)
      for (const Copy &copy : group)
        shadow.endCopyFrom(copy.from, copy.taken);
    thread.copies.clear();
    thread.groups.clear();
  }
}
