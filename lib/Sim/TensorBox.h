//===- TensorBox.h - Where a box of a tensor lies ---------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "Tensors" and "Swizzling modes": rows of a box lie one behind the
// other in shared memory. Where they are swizzled, the chunk of 16 bytes at an
// address goes to the place whose bits 4 to 6 are those of the address, some of
// them changed by the bits from 7 on.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_SIM_TENSORBOX_H
#define TOKOPT_LIB_SIM_TENSORBOX_H

#include "tokopt/Sim.h"

namespace tokopt::sim {

/// Bytes that keep together when rows are swizzled.
inline constexpr uint64_t kChunkBytes = 16;

/// Where the 16 bytes at `address` of shared memory lie when rows of `bytes`
/// (32, 64, 128) are swizzled, or 0 for none.
uint64_t swizzle(uint64_t address, uint32_t bytes);

/// What a box in shared memory must be aligned to.
uint64_t alignmentOf(const TensorMap &map);

/// A chunk of a box: 16 bytes of shared memory. `inside` of them, behind
/// `skipped` others, are elements of the tensor, at `global`.
struct BoxChunk {
  uint64_t shared = 0, global = 0;
  uint32_t skipped = 0, inside = 0;
};

/// What of a box is in the tensor: an address of global memory, and bytes.
std::vector<std::pair<uint64_t, uint64_t>>
piecesInside(const std::vector<BoxChunk> &chunks);

/// The chunks of the box of `map` that begins at `coordinates`, each an i32 in
/// the low half of its word, and lies at `shared`.
std::vector<BoxChunk> chunksOf(const TensorMap &map,
                               const uint64_t *coordinates, uint64_t shared);

} // namespace tokopt::sim

#endif // TOKOPT_LIB_SIM_TENSORBOX_H
