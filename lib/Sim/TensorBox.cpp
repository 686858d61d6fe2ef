//===- TensorBox.cpp - Where a box of a tensor lies -----------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Sim/TensorBox.h"

#include "llvm/ADT/STLExtras.h"

using namespace llvm;
using namespace tokopt::sim;

/// What boxes are aligned to at least.
static constexpr uint64_t kAlignment = 128;
/// After so many rows of a swizzled box, places repeat.
static constexpr uint64_t kSwizzleRows = 8;

uint64_t tokopt::sim::alignmentOf(const TensorMap &map) {
  return std::max<uint64_t>(kAlignment, kSwizzleRows * map.swizzle);
}

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

std::vector<std::pair<uint64_t, uint64_t>>
tokopt::sim::piecesInside(const std::vector<BoxChunk> &chunks) {
  std::vector<std::pair<uint64_t, uint64_t>> pieces;
  for (const BoxChunk &chunk : chunks)
    if (chunk.inside)
      pieces.emplace_back(chunk.global, chunk.inside);
  return pieces;
}

std::vector<BoxChunk> tokopt::sim::chunksOf(const TensorMap &map,
                                            const uint64_t *coordinates,
                                            uint64_t shared) {
  std::vector<BoxChunk> chunks;
  uint64_t rows = 1;
  for (uint32_t size : drop_begin(map.box))
    rows *= size;
  uint64_t rowBytes = uint64_t(map.box[0]) * map.elementBytes,
           chunkElements = kChunkBytes / map.elementBytes;
  auto first = static_cast<int32_t>(coordinates[0]);
  for (uint64_t row = 0; row < rows; ++row) {
    uint64_t global = map.base, rest = row;
    bool isInside = true;
    for (size_t i = 1; i < map.box.size(); ++i) {
      int64_t index = static_cast<int32_t>(coordinates[i]) +
                      static_cast<int64_t>(rest % map.box[i]);
      rest /= map.box[i];
      isInside &= index >= 0 && index < static_cast<int64_t>(map.sizes[i]);
      global += index * map.strides[i - 1];
    }
    for (uint64_t byte = 0; byte < rowBytes; byte += kChunkBytes) {
      BoxChunk chunk;
      chunk.shared = swizzle(shared + row * rowBytes + byte, map.swizzle);
      int64_t element = first + static_cast<int64_t>(byte / map.elementBytes);
      // Elements before the first are outside too.
      auto before = static_cast<uint64_t>(std::max<int64_t>(0, -element));
      if (isInside && before < chunkElements) {
        chunk.skipped = before * map.elementBytes;
        chunk.global = global + (element + before) * map.elementBytes;
        chunk.inside = countInside(element + before, map.sizes[0],
                                   chunkElements - before) *
                       map.elementBytes;
      }
      chunks.push_back(chunk);
    }
  }
  return chunks;
}
