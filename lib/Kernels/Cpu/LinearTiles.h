//===- LinearTiles.h - Linears of many rows by matrix tiles -----*- C++ -*-===//
//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CPU_LINEARTILES_H
#define TOKOPT_KERNELS_CPU_LINEARTILES_H

#include "lib/Kernels/Cpu/LinearKernel.h"
#include "lib/Kernels/Cpu/Tiles.h"

namespace tokopt::cpu {

/// Whether tiles serve linears of i8 with weights of `codecs`: the target has
/// them and all weights have an integer form.
bool usesTiles(const TargetDescription &target,
               llvm::ArrayRef<const Codec *> codecs);

/// Bytes of a worker's scratch that tiles need: decoded panels and products.
int64_t getTileScratchBytes(int64_t matrices, int64_t columns);

/// Computes, with panels [panelBegin, panelEnd), the rows from `begin` on that
/// fill tiles; returns the first of the others. `result` becomes a failure when
/// the epilogue cannot be emitted.
Val emitTileRows(LinearKernel &kernel, Val panelBegin, Val panelEnd, Val begin,
                 Val end, mlir::LogicalResult &result);

} // namespace tokopt::cpu

#endif // TOKOPT_KERNELS_CPU_LINEARTILES_H
