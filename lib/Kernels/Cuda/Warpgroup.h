//===- Warpgroup.h - Products of a warpgroup --------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Four warps multiply 64 x 16 by 16 x N matrices while they go on (wgmma, for
// sm_90a): the right matrix comes from shared memory, the left one from there
// or from registers. Sums are of f32. Until a wait nobody has them, so they are
// of a type of their own:
//
//   flight = fence(sums, left): registers are ready for products
//   flight = multiply(left, right, flight), as often as needed; commit
//   sums = wait(0, flight)
//
// A warp has 16 rows, in the lanes as FragmentA and FragmentC have them.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CUDA_WARPGROUP_H
#define TOKOPT_KERNELS_CUDA_WARPGROUP_H

#include "lib/Kernels/Cuda/TensorCopies.h"

namespace tokopt::cuda {

/// Threads of a warpgroup, and rows of its products.
inline constexpr int64_t kWarpgroup = 128, kWarpgroupRows = 64;

/// Sums of 64 rows, a FragmentC for each eight columns.
using WarpgroupSums = llvm::SmallVector<FragmentC>;

/// Sums that products will change, in the same order.
struct SumsInFlight {
  Vals registers;
};

/// A matrix in shared memory that products take, 16 of its depth at a time.
class WarpgroupOperand {
public:
  /// How the matrix lies in the tile: rows of the left, or columns of the right
  /// one, are the tile's rows; or its columns.
  enum class Lies : uint8_t { ByRows, ByColumns };

  WarpgroupOperand(Emitter &e, const PanelTile &tile, Lies lies, Landed landed,
                   Here here = {});

  /// From the tile's row and column on, multiples of 8 and 16 (16 and of a
  /// panel `ByColumns`).
  Val descriptor(int64_t row, int64_t column, Here here = {}) const;

  const PanelTile tile;
  const Lies lies;

private:
  /// Of the tile's first row and column.
  Val first;
};

/// Makes registers ready for products: the sums that they add to, and left
/// matrices.
SumsInFlight fence(Emitter &e, const WarpgroupSums &sums,
                   llvm::MutableArrayRef<FragmentA> left = {}, Here here = {});

/// Of an operand, 16 of the depth, from a place of its tile on.
struct WarpgroupSlice {
  const WarpgroupOperand &operand;
  int64_t row, column;
};

/// left * right for `columns` columns, a multiple of 8, added to `sums` if
/// there are any. All of the warpgroup call it.
SumsInFlight multiply(Emitter &e, const WarpgroupSlice &left,
                      const WarpgroupSlice &right, int64_t columns,
                      const SumsInFlight *sums, Here here = {});
SumsInFlight multiply(Emitter &e, const FragmentA &left,
                      const WarpgroupSlice &right, int64_t columns,
                      const SumsInFlight *sums, Here here = {});

/// Makes a group of the products since the last.
void commitProducts(Emitter &e, Here here = {});

/// Waits until all groups but the last `pending` are computed, and gives the
/// sums of the last of them.
WarpgroupSums wait(Emitter &e, int64_t pending, const SumsInFlight &sums,
                   Here here = {});
/// The same. What threads do while products are computed, and needs none of
/// them, LLVM may put behind the wait; but not what makes the numbers of
/// `meanwhile`.
WarpgroupSums wait(Emitter &e, int64_t pending, const SumsInFlight &sums,
                   llvm::MutableArrayRef<FragmentC> meanwhile, Here here = {});

/// Registers that a thread of the warpgroup has from here on, a multiple of 8
/// from 24 to 256: the others go to the block's pool, or come from there, where
/// the warpgroup waits for them (setmaxnreg). A thread begins with what
/// `finish` makes of `Grid::residents`, which must not be 0. All of the
/// warpgroup call it, and meet before the next.
void releaseRegisters(Emitter &e, int64_t count, Here here = {});
void claimRegisters(Emitter &e, int64_t count, Here here = {});

} // namespace tokopt::cuda

#endif // TOKOPT_KERNELS_CUDA_WARPGROUP_H
