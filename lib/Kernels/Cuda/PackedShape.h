//===- PackedShape.h - How a packed linear is dealt out ---------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CUDA_PACKEDSHAPE_H
#define TOKOPT_KERNELS_CUDA_PACKEDSHAPE_H

#include "lib/Kernels/Cuda/PackedTile.h"

namespace tokopt::cuda {

/// How the work of a linear over packed weights is dealt out: a block takes two
/// panels and a tile of rows, a warp every so manieth tile of their columns.
struct PackedShape {
  /// What the configuration leaves open is what `choose` would say.
  PackedShape(tok::KernelOp op, const TargetDescription &target);

  int64_t matrices, columns, outputs;
  /// A codec for each matrix, null where the format has none.
  llvm::SmallVector<const kernels::Codec *> codecs;
  /// Rows of a block, its warps, and stages of the ring of each.
  int64_t rowTile, warps, stages = 0;

  /// What keeps the kernel from being generated, as an error at `op`.
  mlir::LogicalResult check(tok::KernelOp op) const;
  int64_t threads() const { return warps * kWarp; }
  int64_t panels() const {
    return llvm::divideCeil(outputs, kernels::kPanelRows);
  }
  /// Blocks that share the outputs of a row, and tiles of its columns.
  int64_t parts() const {
    return llvm::divideCeil(panels(), PackedTile::kPanels);
  }
  int64_t tiles() const {
    return llvm::divideCeil(columns, PackedTile::kColumns);
  }
  int64_t inputProducts() const {
    return llvm::divideCeil(rowTile, kProductColumns);
  }
  /// Weights of a stage; the inputs follow.
  int64_t weightBytes() const;
  int64_t stageBytes() const {
    return weightBytes() + rowTile * PackedInputs::kRowBytes;
  }

  /// The sums of a warp: rows of the block's outputs, 16 bytes more apart, so
  /// that neither a lane's neighbours in outputs nor those in rows meet in a
  /// bank.
  static constexpr int64_t kSumRowBytes = 4 * PackedTile::kOutputs + 16;
  int64_t sumBytes() const {
    return inputProducts() * kProductColumns * kSumRowBytes;
  }
  int64_t sharedBytes(int64_t stages) const {
    return warps * (stages * stageBytes() + matrices * sumBytes());
  }

  /// Blocks of a multiprocessor by shared memory, of those whose threads have
  /// 128 registers each.
  int64_t residents(const TargetDescription &target) const;

  static constexpr int64_t kMostMatrices = 2, kMostStages = 4;

private:
  int64_t chooseStages(const TargetDescription &target) const;
};

} // namespace tokopt::cuda

#endif // TOKOPT_KERNELS_CUDA_PACKEDSHAPE_H
