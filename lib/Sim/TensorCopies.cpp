//===- TensorCopies.cpp - Boxes of tensors to shared memory ---------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "cp.async.bulk.tensor". A copy belongs to the async proxy. Where it
// writes nobody may look until the barrier's phase has ended; who was there
// before must be ordered before the copy, and ordinary writes made visible to
// the proxy.
//
//===----------------------------------------------------------------------===//

#include "lib/Sim/Machine.h"

#include <cstring>

using namespace llvm;
using namespace tokopt::sim;

const TensorMap &Machine::checkBox(uint32_t site, uint64_t address,
                                   uint64_t shared, uint32_t dimensions) {
  const TensorMap *map = memory.findMap(address);
  if (!map || map->sizes.size() != dimensions) {
    report("bad tensor map", site, running,
           map ? "copies " + Twine(dimensions) + " dimensions of a map of " +
                     Twine(map->sizes.size())
               : "takes its map from " + memory.describe(address) +
                     ", where none is");
    abandon();
  }
  checkPlace(resolve(shared, kShared, site), 1, alignmentOf(*map), site);
  return *map;
}

void Machine::touchBox(uint64_t address, uint64_t bytes, bool isWrite,
                       Stamp now, const View &view) {
  const Buffer *buffer = checkPlace(address, bytes, 1, now.site);
  now.isGlobal = buffer;
  if (std::optional<Conflict> conflict = shadow.access(
          address, bytes, now, view, isWrite, buffer && buffer->isWritten))
    reportConflict(*conflict, now.site);
}

void Machine::startTensorCopy(uint32_t site, const uint64_t *operands,
                              const Operation &operation) {
  uint64_t to = operands[0];
  const TensorMap &map = checkBox(site, operands[2], to, operation.detail);
  Mbarrier &barrier = findMbarrier(site, operands[1]);
  Thread &thread = threads[running];
  if (!isPublished(barrier))
    report("missing proxy fence", site, running,
           "arrives at a barrier that the async proxy does not see: no "
           "fence.mbarrier_init comes between its making and this",
           barrier.maker.site,
           "made by " + whereIs(block, barrier.maker.thread));

  TensorCopy copy;
  copy.site = site;
  copy.thread = running;
  copy.view = thread.view;
  Stamp now{block, barrier.agent, ++barrier.begun, site};
  now.isAsync = true;
  copy.view.learn(barrier.agent, barrier.begun);
  std::vector<BoxChunk> box = chunksOf(map, operands + 3, to);
  counter.box(site, piecesInside(box));
  for (const BoxChunk &part : box) {
    // What is outside of the tensor is zeros.
    TensorChunk chunk{part, {}};
    if (part.inside) {
      touchBox(part.global, part.inside, /*isWrite=*/false, now, copy.view);
      std::memcpy(chunk.data.data() + part.skipped,
                  reinterpret_cast<void *>(part.global), part.inside);
      shadow.beginCopyFrom(part.global, part.inside, now);
    }
    touchBox(part.shared, kChunkBytes, /*isWrite=*/true, now, copy.view);
    shadow.setInFlight(part.shared, kChunkBytes, true);
    std::memset(reinterpret_cast<void *>(part.shared), kPoison, kChunkBytes);
    copy.chunks.push_back(chunk);
  }
  barrier.copies.push_back(std::move(copy));
  bool isAwaited = any_of(threads, [&](const Thread &other) {
    return other.state == State::AtMbarrier && other.awaited == operands[1];
  });
  if (isAwaited)
    settle(operands[1], barrier);
}

void Machine::land(Mbarrier &barrier, const TensorCopy &copy) {
  // Both sides were found to be in order when it began, and nobody may have
  // come between. Who comes now must have waited for the barrier.
  for (const TensorChunk &chunk : copy.chunks) {
    shadow.setInFlight(chunk.shared, kChunkBytes, false);
    std::memcpy(reinterpret_cast<void *>(chunk.shared), chunk.data.data(),
                kChunkBytes);
    if (chunk.inside)
      shadow.endCopyFrom(chunk.global, chunk.inside);
  }
  barrier.bytes -= copy.bytes();
  barrier.arriving.learn(barrier.agent, copy.view.clock[barrier.agent]);
}

void Machine::checkTensorCopiesLanded() {
  for (const auto &[address, barrier] : mbarriers)
    for (const TensorCopy &copy : barrier.copies)
      report("in flight", copy.site, copy.thread,
             "to " + memory.describe(copy.chunks.front().shared) +
                 " has not arrived when its block ends");
}

void Machine::dropTensorCopies() {
  for (const auto &[address, barrier] : mbarriers)
    for (const TensorCopy &copy : barrier.copies)
      for (const TensorChunk &chunk : copy.chunks)
        if (chunk.inside)
          shadow.endCopyFrom(chunk.global, chunk.inside);
  mbarriers.clear();
}
