//===- TensorStores.cpp - Boxes of tensors to global memory ---------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "cp.async.bulk.tensor", "cp.async.bulk.commit_group" and
// "cp.async.bulk.wait_group". A store reads shared memory through the async
// proxy from when it begins until its thread has waited for the reads of its
// group, and it writes global memory at the very end: when its thread waits for
// the whole group, or else when the grid ends. Until then the bytes of the
// tensor hold NaN and nobody may touch them. Only those elements of a box are
// read and written that the tensor has.
//
// What is over, the thread knows that has waited, and all who come after it. So
// a thread that stores has two more clocks, for groups that have been read and
// for those that have been written.
//
//===----------------------------------------------------------------------===//

#include "lib/Sim/Machine.h"

#include <cstring>

using namespace llvm;
using namespace tokopt::sim;

void Machine::startTensorStore(uint32_t site, const uint64_t *operands,
                               const Operation &operation) {
  uint64_t from = operands[0];
  const TensorMap &map = checkBox(site, operands[1], from, operation.detail);
  Thread &thread = threads[running];
  // Both are known when the group is that this store will be part of.
  uint32_t number = thread.storeGroupsBegun + 1;
  Stamp reader{block, agents.find(Agents::Kind::StoreReads, running), number,
               site};
  reader.isAsync = true;
  Stamp writer = reader;
  writer.thread = agents.find(Agents::Kind::StoreWrites, running);
  TensorStore store;
  store.site = site;
  std::vector<BoxChunk> box = chunksOf(map, operands + 2, from);
  counter.box(site, piecesInside(box));
  for (const BoxChunk &part : box) {
    checkPlace(part.shared, kChunkBytes, 1, site);
    if (!part.inside)
      continue;
    TensorChunk chunk{part, {}};
    uint64_t source = part.shared + part.skipped;
    touchBox(source, part.inside, /*isWrite=*/false, reader, thread.view);
    shadow.beginCopyFrom(source, part.inside, reader);
    std::memcpy(chunk.data.data(), reinterpret_cast<void *>(source),
                part.inside);
    touchBox(part.global, part.inside, /*isWrite=*/true, writer, thread.view);
    shadow.setInFlight(part.global, part.inside, true);
    std::memset(reinterpret_cast<void *>(part.global), kPoison, part.inside);
    store.chunks.push_back(chunk);
  }
  thread.stores.push_back(std::move(store));
}

void Machine::commitTensorStores() {
  Thread &thread = threads[running];
  thread.storeGroups.push_back({std::move(thread.stores), false});
  thread.stores.clear();
  ++thread.storeGroupsBegun;
}

void Machine::finishReading(StoreGroup &group) {
  if (std::exchange(group.isRead, true))
    return;
  for (const TensorStore &store : group.stores)
    for (const TensorChunk &chunk : store.chunks)
      shadow.endCopyFrom(chunk.shared + chunk.skipped, chunk.inside);
}

void Machine::land(const TensorStore &store) {
  for (const TensorChunk &chunk : store.chunks) {
    shadow.setInFlight(chunk.global, chunk.inside, false);
    std::memcpy(reinterpret_cast<void *>(chunk.global), chunk.data.data(),
                chunk.inside);
  }
}

void Machine::waitForTensorStores(uint64_t pending, bool readsOnly) {
  Thread &thread = threads[running];
  if (thread.storeGroups.size() <= pending)
    return;
  auto done = static_cast<uint32_t>(thread.storeGroupsBegun - pending);
  for (StoreGroup &group : drop_end(thread.storeGroups, pending))
    finishReading(group);
  thread.view.learn(agents.find(Agents::Kind::StoreReads, running), done);
  if (readsOnly)
    return;
  while (thread.storeGroups.size() > pending) {
    for (const TensorStore &store : thread.storeGroups.front().stores)
      land(store);
    thread.storeGroups.pop_front();
  }
  thread.view.learn(agents.find(Agents::Kind::StoreWrites, running), done);
}

void Machine::checkTensorStoresRead() {
  // Shared memory ends with the block, and only this thread could wait.
  Thread &thread = threads[running];
  const TensorStore *left = nullptr;
  for (const StoreGroup &group : thread.storeGroups)
    if (!left && !group.isRead && !group.stores.empty())
      left = &group.stores.front();
  if (left)
    report("in flight", left->site, running,
           "still reads shared memory when its thread ends");
  else if (!thread.stores.empty())
    report("in flight", thread.stores.front().site, running,
           "belongs to no group when its thread ends");
}

void Machine::leaveTensorStores() {
  for (Thread &thread : threads) {
    for (StoreGroup &group : thread.storeGroups)
      append_range(lateStores, group.stores);
    append_range(lateStores, thread.stores);
    thread.storeGroups.clear();
    thread.stores.clear();
  }
}

void Machine::landLateTensorStores() {
  for (const TensorStore &store : lateStores)
    land(store);
  lateStores.clear();
}
