//===- NamedBarriers.h - Barriers of some of a block's warps ----*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A block has sixteen barriers. Number 0 is that of all its threads
// (`Emitter::barrier`); the others are for as many warps as a kernel says, of
// which some may arrive without waiting:
//
//   who goes first:   work; barriers.arrive(number)
//   who waits for it: barriers.sync(number); work
//
// What a thread did before it arrives, those know that wait. It knows nothing
// of them: before it arrives there again, it must have heard from one of them
// that the barrier has opened, or both arrivals may count as one.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CUDA_NAMEDBARRIERS_H
#define TOKOPT_KERNELS_CUDA_NAMEDBARRIERS_H

#include "lib/Kernels/Cuda/Vocabulary.h"

namespace tokopt::cuda {

class NamedBarriers {
public:
  /// Takes `count` of the block's barriers, each of which opens when `threads`
  /// threads have come: whole warps, and no more than the block has. What keeps
  /// it from that is an error at the kernel.
  static mlir::FailureOr<NamedBarriers> make(Emitter &e, int64_t count,
                                             int64_t threads, Here here = {});

  /// Arrives at barrier `number`, an i32 below `count`, and waits until it
  /// opens. All lanes of a warp do, at one place.
  void sync(Val number, Here here = {}) const;
  /// Arrives there and goes on.
  void arrive(Val number, Here here = {}) const;

private:
  NamedBarriers(Emitter &e, int64_t first, int64_t threads)
      : e(&e), first(first), threads(threads) {}

  Emitter *e;
  int64_t first, threads;
};

} // namespace tokopt::cuda

#endif // TOKOPT_KERNELS_CUDA_NAMEDBARRIERS_H
