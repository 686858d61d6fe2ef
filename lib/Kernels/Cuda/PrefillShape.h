//===- PrefillShape.h - How tiles of attention are dealt out ----*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CUDA_PREFILLSHAPE_H
#define TOKOPT_KERNELS_CUDA_PREFILLSHAPE_H

#include "lib/Kernels/Common/Segments.h"
#include "lib/Kernels/Cuda/Matrices.h"

namespace tokopt::cuda {

/// Whether `target` has products of warpgroups.
bool hasWarpgroups(const TargetDescription &target);

/// Whether `op`, an attention, says that it multiplies rounded numbers.
bool computesInHalves(tok::KernelOp op);

/// How the work of a tile of rows and a query head is dealt out.
struct PrefillShape {
  /// What the configuration leaves open is what `choose` would say, for a
  /// target that has products of warpgroups or only those of warps.
  PrefillShape(tok::KernelOp op, bool onWarpgroups);

  tok::CacheType cache;
  /// What queries and weights are rounded to: f16 or bf16.
  mlir::Type element;
  /// Query heads of a key/value head.
  int64_t group;
  /// Rows of a block, and stages that blocks of keys and values go through.
  bool onWarpgroups;
  int64_t rowTile, stages;
  int64_t window;
  double scale;

  /// What keeps the kernel from being generated, as an error at `op`.
  mlir::LogicalResult check(tok::KernelOp op) const;

  int64_t heads() const { return cache.getHeads() * group; }
  /// A warp takes the rows of one product, four of them make a warpgroup.
  int64_t warpgroups() const { return rowTile / (4 * kProductRows); }
  /// Whether two warpgroups take turns, with registers of a third, of which a
  /// warp brings keys and values. To one warpgroup, one more warp does.
  bool pairsWarpgroups() const { return onWarpgroups && warpgroups() == 2; }
  int64_t warps() const {
    int64_t copying = pairsWarpgroups() ? 4 : onWarpgroups;
    return rowTile / kProductRows + copying;
  }
  int64_t threads() const { return warps() * kWarp; }
  /// Registers of a thread that copies, and of one that multiplies: what the
  /// others release of those that a block begins with, by eights.
  static constexpr int64_t kCopyingRegisters = 40;
  int64_t multiplyingRegisters() const;
  /// Blocks that a multiprocessor has at a time; 0 leaves it to the assembler.
  int64_t residents() const { return pairsWarpgroups() ? 1 : 0; }
  SwizzledTile keys() const {
    return {element, kernels::kBlock, cache.getKSize()};
  }
  SwizzledTile values() const {
    return {element, kernels::kBlock, cache.getVSize()};
  }
};

} // namespace tokopt::cuda

#endif // TOKOPT_KERNELS_CUDA_PREFILLSHAPE_H
