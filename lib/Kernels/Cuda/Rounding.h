//===- Rounding.h - Numbers that are rounded to fewer bits ------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CUDA_ROUNDING_H
#define TOKOPT_KERNELS_CUDA_ROUNDING_H

#include "lib/Kernels/Common/QuantizedRow.h"
#include "lib/Kernels/Cuda/Vocabulary.h"

namespace tokopt::cuda {

/// A lane's chunks of numbers of which neighbouring lanes hold the others: each
/// is about `integers` times `scale`.
struct RoundedChunks {
  /// i32, from -127 to 127.
  Vals integers;
  /// f32, the same in all of the lanes.
  Val scale;
};

/// With the largest magnitude m of the numbers that `lanes` neighbouring lanes
/// hold, a power of two of them: scale = m / 127, q = round(x * (127 / m)) to
/// nearest even, or zeros where m is 0; as the CPU's kernels do. All lanes of
/// the warp call it.
RoundedChunks roundToBytes(Emitter &e, llvm::ArrayRef<Val> values,
                           int64_t lanes, Here here = {});

/// A chunk of numbers rounded to `element`, f16 or bf16, to nearest even, a
/// pair an i32.
Val roundToHalves(Emitter &e, Val value, mlir::Type element, Here here = {});

/// A row that is rounded in blocks of 32 columns, as linears that compute in i8
/// read it. Lanes side by side hold chunks side by side, a power of two of them
/// a block.
class RoundedRow {
public:
  explicit RoundedRow(int64_t columns) : layout(columns) {}

  /// What keeps the row from being rounded, as an error at `op`.
  mlir::LogicalResult check(tok::KernelOp op) const;
  /// Stores the chunk `value`, f32, that begins at `column` to the row at
  /// `row`, unless that is beyond its columns. All threads of the block call
  /// it.
  void store(Emitter &e, Val value, Val column, Val row) const;

private:
  const kernels::QuantizedRow layout;
};

} // namespace tokopt::cuda

#endif // TOKOPT_KERNELS_CUDA_ROUNDING_H
