//===- TensorCopies.cpp - Boxes of tensors to shared memory ---------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "cp.async.bulk.tensor" and "Swizzling modes": rows of a box lie one
// behind the other. Where they are swizzled, the chunk of 16 bytes at an
// address goes to the place whose bits 4 to 6 are those of the address, some of
// them changed by the bits from 7 on.
//
// A copy belongs to the async proxy. Where it writes nobody may look until the
// barrier's phase has ended; who was there before must be ordered before the
// copy, and ordinary writes made visible to the proxy.
//
//===----------------------------------------------------------------------===//

#include "lib/Sim/Machine.h"

#include <cstring>

using namespace llvm;
using namespace tokopt::sim;

/// Bytes that move together, and what destinations are aligned to.
static constexpr uint64_t kChunkBytes = 16;
static constexpr uint64_t kAlignment = 128;
/// After so many rows of a swizzled box, places repeat.
static constexpr uint64_t kSwizzleRows = 8;

uint64_t tokopt::sim::swizzle(uint64_t address, uint32_t bytes) {
  uint64_t mask = bytes ? bytes / kChunkBytes - 1 : 0;
  return address ^ ((address >> 7 & mask) << 4);
}

/// Elements of the innermost dimension from `first` on that a map has, `most`
/// at most.
static uint64_t countInside(int64_t first, uint64_t size, uint64_t most) {
  if (first >= static_cast<int64_t>(size))
    return 0;
  return std::min<uint64_t>(most, size - first);
}

void Machine::startTensorCopy(uint32_t site, const uint64_t *operands,
                              const Operation &operation) {
  uint64_t to = operands[0];
  const TensorMap *map = memory.findMap(operands[2]);
  if (!map || map->sizes.size() != operation.detail) {
    report("bad tensor map", site, running,
           map ? "copies " + Twine(operation.detail) +
                     " dimensions of a map of " + Twine(map->sizes.size())
               : "takes its map from " + memory.describe(operands[2]) +
                     ", where none is");
    abandon();
  }
  Mbarrier &barrier = findMbarrier(site, operands[1]);
  Thread &thread = threads[running];
  if (!barrier.isPublished && !thread.view.hasFenced(barrier.maker))
    report("missing proxy fence", site, running,
           "arrives at a barrier that the async proxy does not see: no "
           "fence.mbarrier_init comes after its making",
           barrier.maker.site,
           "made by " + whereIs(block, barrier.maker.thread));
  if (!memory.isShared(to))
    checkPlace(~uint64_t(0), 1, 1, site);
  uint64_t alignment =
      std::max<uint64_t>(kAlignment, kSwizzleRows * map->swizzle);
  checkPlace(to, 1, alignment, site);

  TensorCopy copy;
  copy.site = site;
  copy.thread = running;
  copy.view = thread.view;
  Stamp now{block, barrier.agent, ++barrier.begun, site};
  now.isAsync = true;
  copy.view.learn(barrier.agent, barrier.begun);
  auto touch = [&](uint64_t address, uint64_t bytes, bool isWrite) {
    const Buffer *buffer = checkPlace(address, bytes, 1, site);
    if (std::optional<Conflict> conflict =
            shadow.access(address, bytes, now, copy.view, isWrite,
                          buffer && buffer->isWritten))
      reportConflict(*conflict, site);
  };
  uint64_t rows = 1;
  for (uint32_t size : drop_begin(map->box))
    rows *= size;
  uint64_t rowBytes = uint64_t(map->box[0]) * map->elementBytes;
  auto first = static_cast<int32_t>(operands[3]);
  for (uint64_t row = 0; row < rows; ++row) {
    uint64_t from = map->base, rest = row;
    bool isInside = true;
    for (size_t i = 1; i < map->box.size(); ++i) {
      int64_t index = static_cast<int32_t>(operands[3 + i]) +
                      static_cast<int64_t>(rest % map->box[i]);
      rest /= map->box[i];
      isInside &= index >= 0 && index < static_cast<int64_t>(map->sizes[i]);
      from += index * map->strides[i - 1];
    }
    for (uint64_t byte = 0; byte < rowBytes; byte += kChunkBytes) {
      TensorCopy::Chunk chunk{
          swizzle(to + row * rowBytes + byte, map->swizzle), 0, 0, {}};
      int64_t element = first + static_cast<int64_t>(byte / map->elementBytes);
      // Elements before the first are zeros too.
      auto before = static_cast<uint64_t>(std::max<int64_t>(0, -element));
      uint64_t elements = kChunkBytes / map->elementBytes;
      if (isInside && before < elements) {
        chunk.from = from + (element + before) * map->elementBytes;
        chunk.taken =
            countInside(element + before, map->sizes[0], elements - before) *
            map->elementBytes;
      }
      if (chunk.taken) {
        touch(chunk.from, chunk.taken, /*isWrite=*/false);
        std::memcpy(chunk.data.data() + before * map->elementBytes,
                    reinterpret_cast<void *>(chunk.from), chunk.taken);
        shadow.beginCopyFrom(chunk.from, chunk.taken, now);
      }
      touch(chunk.to, kChunkBytes, /*isWrite=*/true);
      shadow.setInFlight(chunk.to, kChunkBytes, true);
      std::memset(reinterpret_cast<void *>(chunk.to), kPoison, kChunkBytes);
      copy.chunks.push_back(chunk);
    }
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
  for (const TensorCopy::Chunk &chunk : copy.chunks) {
    shadow.setInFlight(chunk.to, kChunkBytes, false);
    std::memcpy(reinterpret_cast<void *>(chunk.to), chunk.data.data(),
                kChunkBytes);
    if (chunk.taken)
      shadow.endCopyFrom(chunk.from, chunk.taken);
  }
  barrier.bytes -= copy.bytes();
  barrier.arriving.learn(barrier.agent, copy.view.clock[barrier.agent]);
}

void Machine::checkTensorCopiesLanded() {
  for (const auto &[address, barrier] : mbarriers)
    for (const TensorCopy &copy : barrier.copies)
      report("in flight", copy.site, copy.thread,
             "to " + memory.describe(copy.chunks.front().to) +
                 " has not arrived when its block ends");
}

void Machine::dropTensorCopies() {
  for (const auto &[address, barrier] : mbarriers)
    for (const TensorCopy &copy : barrier.copies)
      for (const TensorCopy::Chunk &chunk : copy.chunks)
        if (chunk.taken)
          shadow.endCopyFrom(chunk.from, chunk.taken);
  mbarriers.clear();
}
