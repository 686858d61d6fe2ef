//===- Frame.h - What a step is called with ---------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKRT_SRC_FRAME_H_
#define TOKRT_SRC_FRAME_H_

#include <cstdint>

namespace tokrt {

/// The slots of the frame, in the order of docs/bundle.md.
enum FrameSlot : unsigned {
  kWorkers,
  kBarrier,
  kYield,
  kWeights,
  kRows,
  kFullRows,
  kLayerBegin,
  kLayerEnd,
  kIds,
  kPos,
  kSeq,
  kOuts,
  kOut,
  kLogits,
  kSampling,
  kSeeds,
  kTokens,
  kFrontier,
  kWorkspace,
  kCapacity,
  kScratch,
  kCaches,
  kInstrument,
  kInstrumentData,
  kFrameSlots
};

/// Their names, as the manifest must list them.
inline constexpr const char *kFrameNames[kFrameSlots] = {
    "workers", "barrier",   "yield",       "weights",
    "rows",    "full_rows", "layer_begin", "layer_end",
    "ids",     "pos",       "seq",         "outs",
    "out",     "logits",    "sampling",    "seeds",
    "tokens",  "frontier",  "workspace",   "capacity",
    "scratch", "caches",    "instrument",  "instrument_data"};

/// One element of the array in the slot `caches`.
struct FrameCache {
  uint64_t pool;
  uint64_t table;
  uint64_t tableStride;
};

using StepFn = void (*)(const uint64_t *frame, uint64_t worker);

} // namespace tokrt

#endif // TOKRT_SRC_FRAME_H_
