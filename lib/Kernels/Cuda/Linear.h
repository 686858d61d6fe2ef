//===- Linear.h - The ways a linear is computed -----------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CUDA_LINEAR_H
#define TOKOPT_KERNELS_CUDA_LINEAR_H

#include "lib/Kernels/Cuda/Arguments.h"

namespace tokopt::cuda {

/// The element type of matrix number `index` of a linear.
mlir::Type getMatrixElement(tok::KernelOp op, int64_t index);

/// What happens to finished sums.
class LinearEpilogue {
public:
  LinearEpilogue(Emitter &e, tok::KernelOp op, const Arguments &arguments)
      : e(e), op(op), arguments(arguments) {}

  /// Whether the epilogue can be part of a kernel, else an error at `op`.
  static mlir::LogicalResult check(tok::KernelOp op);

  /// Stores what the epilogue makes of `sums`, a vector of four neighbouring
  /// outputs for each matrix, of row `row` and the outputs from `output` on,
  /// both i64.
  mlir::LogicalResult store(llvm::ArrayRef<Val> sums, Val row, Val output,
                            Here here = {});

private:
  Emitter &e;
  tok::KernelOp op;
  const Arguments &arguments;
};

/// What the kernels of linears have in common: a block takes a tile of rows and
/// a part of their outputs.
class LinearEmitter {
public:
  /// Emits the kernel: `emitTile` is what a block does that has rows.
  mlir::LogicalResult
  emitTiles(const Grid &grid,
            llvm::function_ref<mlir::LogicalResult()> emitTile);

protected:
  LinearEmitter(Emitter &e, tok::KernelOp op, mlir::Block &entry)
      : e(e), op(op), arguments(e, op, entry) {}

  /// A number as an i64, a small one as an i32.
  Val wide(Val number, Here here = {}) {
    return e.convert(number, e.i64(), /*isUnsigned=*/true, here);
  }
  Val narrow(Val number, Here here = {}) {
    return e.convert(number, e.i32(), /*isUnsigned=*/false, here);
  }

  Emitter &e;
  tok::KernelOp op;
  Arguments arguments;
  /// The tile's first row, i64, and how many it has, i32.
  Val firstRow, count;
};

/// Emits a linear that `Shape` deals out, a tile at a time by a `TileEmitter`.
/// Errors are reported at `op`.
template <class Shape, class TileEmitter>
mlir::LogicalResult emitLinear(tok::KernelOp op, mlir::func::FuncOp function,
                               const TargetDescription &target) {
  Shape shape(op, target);
  if (failed(shape.check(op)) || failed(LinearEpilogue::check(op)))
    return mlir::failure();
  Emitter e(function, target, shape.threads());
  TileEmitter emitter(e, op, shape, function.getBody().front());
  Grid grid;
  grid.rows = shape.rowTile;
  grid.parts = shape.parts();
  grid.residents = shape.residents(target);
  return emitter.emitTiles(grid, [&] { return emitter.emitTile(); });
}

// Emits a linear over packed weights for few rows (LinearPacked.cpp). Errors
// are reported at `op`.
mlir::LogicalResult emitPackedLinear(tok::KernelOp op,
                                     mlir::func::FuncOp function,
                                     const TargetDescription &target);
// Emits a linear over weights of f16 or bf16 for many (Gemm.cpp).
mlir::LogicalResult emitGemm(tok::KernelOp op, mlir::func::FuncOp function,
                             const TargetDescription &target);

} // namespace tokopt::cuda

#endif // TOKOPT_KERNELS_CUDA_LINEAR_H
