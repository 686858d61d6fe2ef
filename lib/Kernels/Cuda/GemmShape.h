//===- GemmShape.h - How a linear of many rows is dealt out -----*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CUDA_GEMMSHAPE_H
#define TOKOPT_KERNELS_CUDA_GEMMSHAPE_H

#include "lib/Kernels/Common/Codecs.h"
#include "lib/Kernels/Cuda/Matrices.h"

namespace tokopt::cuda {

/// How a linear over weights of f16 or bf16 is dealt out: a block takes a tile
/// of rows and 128 outputs, of all matrices together; its warps share both.
///
/// The fewest rows take as long as their weights take from memory. So they have
/// blocks of 64 outputs, twice as many, and more stages: 128 blocks for 8192
/// outputs have 7 of 8 stages of 8 KB in flight, 7.3 MB, and those for 4096
/// still 3.7 MB, where 3.35 TB/s for 1 us want 3.4 MB. The order of a row's sum
/// is the same.
struct GemmShape {
  /// What the configuration leaves open is what `choose` would say.
  GemmShape(tok::KernelOp op, const TargetDescription &target);

  /// Whether `op` is of this kind: its first matrix is.
  static bool serves(tok::KernelOp op);

  /// What is multiplied.
  mlir::Type element;
  int64_t matrices, columns, outputs;
  /// Rows of a block, and stages of its ring.
  int64_t rowTile, stages = 0;

  /// Columns of a step, and outputs of a warp.
  static constexpr int64_t kDepth = 64, kWarpOutputs = 32;
  /// Rows of a block unless the configuration says otherwise.
  static constexpr int64_t kMostRows = 128;

  /// What keeps the kernel from being generated, as an error at `op`.
  mlir::LogicalResult check(tok::KernelOp op) const;
  bool hasFewRows() const { return rowTile == kProductRows; }
  /// Stages of a ring for tiles of so many rows, at most.
  static int64_t mostStages(int64_t rowTile) {
    return rowTile == kProductRows ? 8 : 4;
  }
  int64_t warpRows() const { return hasFewRows() ? 1 : 2; }
  /// Warps side by side in outputs.
  int64_t warpColumns() const { return hasFewRows() ? 2 : 4; }
  int64_t blockOutputs() const { return warpColumns() * kWarpOutputs; }
  int64_t threads() const { return warpRows() * warpColumns() * kWarp; }
  /// Products of a warp in rows.
  int64_t rowProducts() const { return rowTile / warpRows() / kProductRows; }
  /// Panels of each matrix, all and of a block.
  int64_t panels() const {
    return llvm::divideCeil(outputs, kernels::kPanelRows);
  }
  int64_t blockPanels() const {
    return blockOutputs() / kernels::kPanelRows / matrices;
  }
  int64_t parts() const { return llvm::divideCeil(panels(), blockPanels()); }
  int64_t steps() const { return llvm::divideCeil(columns, kDepth); }

  SwizzledTile inputTile() const { return {element, rowTile, kDepth}; }
  SwizzledTile weightTile() const { return {element, kDepth, blockOutputs()}; }
  int64_t stageBytes() const {
    return inputTile().bytes() + weightTile().bytes();
  }
  /// Blocks of a multiprocessor.
  int64_t residents(const TargetDescription &target) const;

private:
  int64_t chooseStages(const TargetDescription &target) const;
};

} // namespace tokopt::cuda

#endif // TOKOPT_KERNELS_CUDA_GEMMSHAPE_H
