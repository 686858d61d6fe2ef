//===- Segments.h - The order in which attention sums ------------*- C++
//-*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Blocks of 64 slots; 8 blocks make a segment with accumulators of its own;
// segments merge in ascending order. So a row has the same bits however its
// segments are dealt out.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_COMMON_SEGMENTS_H
#define TOKOPT_KERNELS_COMMON_SEGMENTS_H

#include <cstdint>

namespace tokopt::kernels {

/// Slots of a block, and blocks of a segment.
inline constexpr int64_t kBlock = 64;
inline constexpr int64_t kSegmentBlocks = 8;
/// Below any score; its exponential is exactly zero.
inline constexpr double kMasked = -1e30;

} // namespace tokopt::kernels

#endif // TOKOPT_KERNELS_COMMON_SEGMENTS_H
