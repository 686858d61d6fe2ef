//===- TensorCopies.h - Boxes of tensors to shared memory and back -*- C++ -*-//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One thread asks for a box of a tensor, the hardware computes its addresses
// and copies it (TMA). Of what comes to shared memory, a barrier there counts
// the bytes that have arrived; for what goes to global memory, the thread that
// asked waits. For sm_90 and later.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CUDA_TENSORCOPIES_H
#define TOKOPT_KERNELS_CUDA_TENSORCOPIES_H

#include "lib/Kernels/Cuda/Matrices.h"

namespace tokopt::cuda {

/// Rows of so many bytes, in which chunks of 16 bytes change places by the
/// number of the row, so that the eight rows of a column of chunks do not meet
/// in a bank.
enum class Swizzle : int64_t {
  None = 0,
  Bytes32 = 32,
  Bytes64 = 64,
  Bytes128 = 128
};

/// A matrix in shared memory as copies of boxes bring it and products of a
/// warpgroup take it: panels of columns, each with all rows, one behind the
/// other. A row of a panel is what is swizzled, or one chunk where nothing is.
struct PanelTile {
  /// Elements of 16 bits; whole panels.
  PanelTile(mlir::Type element, int64_t rows, int64_t columns, Swizzle swizzle);

  mlir::Type element;
  int64_t rows, columns;
  Swizzle swizzle;

  int64_t rowBytes() const {
    return swizzle == Swizzle::None ? kChunkBytes
                                    : static_cast<int64_t>(swizzle);
  }
  int64_t panelColumns() const { return rowBytes() / 2; }
  int64_t panels() const { return columns / panelColumns(); }
  int64_t panelBytes() const { return rows * rowBytes(); }
  int64_t bytes() const { return panels() * panelBytes(); }
};

/// A tensor of rows in global memory, of which tiles are copied; an argument of
/// the kernel that the launcher makes.
class TensorMap {
public:
  /// Rows of `stride` bytes with `columns` elements each, in the memory that
  /// the kernel's argument `buffer` points to, or in the pages of a cache; as
  /// many rows as there are if `rows` is -1.
  static TensorMap ofBuffer(Emitter &e, int64_t buffer, const PanelTile &tile,
                            int64_t columns, int64_t rows, int64_t stride,
                            Here here = {});
  static TensorMap ofCache(Emitter &e, int64_t cache, const PanelTile &tile,
                           int64_t columns, int64_t stride, Here here = {});

  const PanelTile tile;
  const Val pointer;

private:
  static TensorMap make(Emitter &e, llvm::StringRef of, int64_t number,
                        const PanelTile &tile, int64_t columns, int64_t rows,
                        int64_t stride, Here here);
  TensorMap(const PanelTile &tile, Val pointer)
      : tile(tile), pointer(pointer) {}
};

/// Barriers in shared memory. A phase of one ends when `arrivals` threads have
/// arrived, and the bytes that they expect; phases count from 0.
class Mbarriers {
public:
  Mbarriers(Emitter &e, int64_t count, int64_t arrivals, Here here = {});

  /// Makes them. One thread does, and then `publishMbarriers`; the others wait
  /// for the next `barrier`.
  void init(Here here = {}) const;
  /// Barrier `number`, an i32.
  Val at(Val number, Here here = {}) const;
  /// What the thread has done comes before what follows the phase's end.
  void arrive(Val number, Here here = {}) const;
  /// The same, and `bytes` are expected.
  void expect(Val number, int64_t bytes, Here here = {}) const;
  /// Waits until a phase has ended whose number has the parity `parity`, an
  /// i32: the present one or, at once, the last.
  void wait(Val number, Val parity, Here here = {}) const;

private:
  Emitter &e;
  const int64_t count, arrivals;
  Val base;
};

/// Makes the barriers that the thread has made visible to copies.
void publishMbarriers(Emitter &e, Here here = {});

/// Begins to copy the tile of `map` whose first row is `row` to shared memory
/// at `to`; rows beyond the tensor are zeros. It arrives at `mbarrier`, of
/// which somebody must expect its bytes.
void copyTile(Emitter &e, const TensorMap &map, Val row, Val to, Val mbarrier,
              Here here = {});

/// Begins to store the tile that lies at `from` in shared memory to the rows of
/// `map` from `row` on; rows and columns beyond the tensor are left out. Who
/// wrote the tile has to `fenceProxies` before the thread hears of it.
void storeTile(Emitter &e, const TensorMap &map, Val row, Val from,
               Here here = {});

/// Makes a group of the tiles that the thread has begun to store.
void commitStores(Emitter &e, Here here = {});

/// Waits until all of the thread's groups but the last `pending` have been read
/// from shared memory, which then can be written again, or end with the block.
void waitForStoreReads(Emitter &e, int64_t pending, Here here = {});

/// Waits until they have arrived in global memory: the thread sees them, and so
/// does who comes after it.
void waitForStores(Emitter &e, int64_t pending, Here here = {});

/// Makes what the thread knows to be written to shared memory visible to copies
/// and products, which reach it by another way.
void fenceProxies(Emitter &e, Here here = {});

/// Stages of shared memory that one thread fills and others read:
///
///   the thread: for each number: to = fill(number); copyTile(..., to,
///               filledAt(number)) of `stageBytes` in all
///   the others: for each number: landed = wait(number); read it;
///               one of each `readers` groups: release(number)
class TensorRing {
public:
  TensorRing(Emitter &e, int64_t stages, int64_t stageBytes, int64_t readers,
             Here here = {});

  /// Makes the barriers, as `Mbarriers::init`.
  void init(Here here = {}) const;
  /// Waits until the stage of `number`, an i32 from 0 on, is free, and expects
  /// its bytes.
  Val fill(Val number, Here here = {}) const;
  /// The two ends of it, where threads write to the stage: waits until it is
  /// free; says that it is filled.
  Val claim(Val number, Here here = {}) const;
  void publish(Val number, Here here = {}) const;
  /// Where copies of `number` arrive.
  Val filledAt(Val number, Here here = {}) const;
  Landed wait(Val number, Here here = {}) const;
  void release(Val number, Here here = {}) const;

private:
  Val stageOf(Val number, Here here) const;
  Val stage(Val number, Here here) const;
  /// The parity of how often the stage of `number` was in use before.
  Val parityOf(Val number, Here here) const;

  Emitter &e;
  const int64_t stages, stageBytes;
  Mbarriers filled, freed;
  Val base;
};

} // namespace tokopt::cuda

#endif // TOKOPT_KERNELS_CUDA_TENSORCOPIES_H
