//===- Dequantize.h - Values of the storage formats -------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the bytes of a weight mean, as they stand in the model file. This is the
// definition of each format; kernels have decoders of their own.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_REFERENCE_DEQUANTIZE_H
#define TOKOPT_LIB_REFERENCE_DEQUANTIZE_H

#include "Emit.h"

namespace tokopt::reference {

/// The f32 values `[rows, columns]` of some rows of a matrix with elements of
/// type `format` (a tok format, f32, f16 or bf16). `rowPlace` gives the place
/// of a row's first byte in `bytes`, a tensor of i8. `rows` is a constant or a
/// value.
mlir::Value
dequantizeRows(Emitter &b, mlir::Type format, mlir::Value bytes,
               mlir::OpFoldResult rows, int64_t columns,
               llvm::function_ref<Term(Emitter &, Term row)> rowPlace);

} // namespace tokopt::reference

#endif // TOKOPT_LIB_REFERENCE_DEQUANTIZE_H
