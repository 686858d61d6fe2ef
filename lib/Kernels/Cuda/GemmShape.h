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

  static constexpr int64_t kOutputs = 128, kDepth = 64;
  static constexpr int64_t kPanels = kOutputs / kernels::kPanelRows;
  /// Warps side by side in outputs, and outputs of a warp.
  static constexpr int64_t kWarpColumns = 4;
  static constexpr int64_t kWarpOutputs = kOutputs / kWarpColumns;
  static constexpr int64_t kMostStages = 4;

  /// What keeps the kernel from being generated, as an error at `op`.
  mlir::LogicalResult check(tok::KernelOp op) const;
  int64_t warpRows() const { return rowTile == kProductRows ? 1 : 2; }
  int64_t threads() const { return warpRows() * kWarpColumns * kWarp; }
  /// Products of a warp in rows.
  int64_t rowProducts() const { return rowTile / warpRows() / kProductRows; }
  /// Panels of each matrix, all and of a block.
  int64_t panels() const {
    return llvm::divideCeil(outputs, kernels::kPanelRows);
  }
  int64_t blockPanels() const { return kPanels / matrices; }
  int64_t parts() const { return llvm::divideCeil(panels(), blockPanels()); }
  int64_t steps() const { return llvm::divideCeil(columns, kDepth); }

  SwizzledTile inputTile() const { return {element, rowTile, kDepth}; }
  SwizzledTile weightTile() const { return {element, kDepth, kOutputs}; }
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
