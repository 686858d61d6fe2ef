//===- Tiles.h - Products of matrix tiles -----------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Intel AMX (Intel 64 and IA-32 Architectures Software Developer's Manual,
// volume 1, chapter 18): a tile is a register of up to 16 rows of 64 bytes.
// The packed panels are in the layout that the instruction wants of its second
// factor: a line is four columns of 16 outputs.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CPU_TILES_H
#define TOKOPT_KERNELS_CPU_TILES_H

#include "lib/Kernels/Cpu/Vocabulary.h"

namespace tokopt::cpu {

/// Rows and columns of a tile of i32.
inline constexpr int64_t kTileRows = 16;
/// Bytes of such a tile.
inline constexpr int64_t kTileBytes = kTileRows * 64;

/// The exact sums over k of x[row, k] * w[k, output], as a tile. `x` is the
/// first of `kTileRows` rows of signed bytes that are `rowBytes` apart;
/// `weights` holds columns / 4 lines of unsigned bytes, in each four columns of
/// 16 outputs. `columns` is at most 64.
Val multiplyTiles(Emitter &e, Val x, int64_t rowBytes, Val weights,
                  int64_t columns);

/// Stores such a tile as `kTileRows` lines of 16 i32 at `out`.
void storeTile(Emitter &e, Val sums, Val out);

} // namespace tokopt::cpu

#endif // TOKOPT_KERNELS_CPU_TILES_H
