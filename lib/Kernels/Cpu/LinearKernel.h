//===- LinearKernel.h - What all ways to sum a linear share -----*- C++ -*-===//
//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_KERNELS_CPU_LINEARKERNEL_H
#define TOKOPT_KERNELS_CPU_LINEARKERNEL_H

#include "lib/Kernels/Cpu/Arguments.h"
#include "lib/Kernels/Cpu/Codecs.h"

namespace tokopt::cpu {

/// One linear kernel: its operands, how sums of integers become numbers, and
/// what happens to a finished sum.
struct LinearKernel {
  LinearKernel(Emitter &e, tok::KernelOp op, mlir::Block &entry);

  Emitter &e;
  tok::KernelOp op;
  Arguments arguments;
  int64_t matrices, columns;
  /// A panel is `parts` vectors of `lanes` outputs.
  int64_t lanes, parts;
  bool quantized;
  QuantizedRow layout;
  llvm::SmallVector<const Codec *> codecs;

  int64_t inputBytes() { return rowBytes(op.getInputs()[0].getType()); }
  /// Address of row `row` of the input.
  Val inputRow(Val row) {
    return e.offset(arguments.inputs[0], row * inputBytes());
  }
  /// Address of panel `panel` of a matrix.
  Val panelBase(int64_t matrix, Val panel);

  /// Adds the integer sums of a group, `totals`, times their scales to `sums`.
  void scaleGroup(const Codec &codec, llvm::ArrayRef<GroupRef> refs, Val column,
                  llvm::ArrayRef<Val> rows, llvm::ArrayRef<Val> totals,
                  Vals &sums);
  /// Stores what the epilogue makes of `sums`: for each matrix those of rows
  /// from `first` on with parts [begin, end) of a panel, a row's side by side.
  mlir::LogicalResult storeSums(Val panel, Val first, int64_t begin,
                                int64_t end, llvm::ArrayRef<Vals> sums);
};

} // namespace tokopt::cpu

#endif // TOKOPT_KERNELS_CPU_LINEARKERNEL_H
