//===- Quantize.h - Numbers of the storage formats --------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The way back from Dequantize.h: what `tok.quantize` makes of values. This is
// the definition; the bundler, which evaluates weights, has its own.
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LIB_REFERENCE_QUANTIZE_H
#define TOKOPT_LIB_REFERENCE_QUANTIZE_H

#include "Emit.h"

namespace tokopt::reference {

/// The bytes of the matrix `values` of f32 in the tok format `format`, a
/// tensor of i8 with as many rows.
mlir::Value quantizeRows(Emitter &b, mlir::Type format, mlir::Value values);

/// `value`, or a zero of its sign where its magnitude is below 2^-125. (Twice
/// the smallest normal number: so nothing depends on whether denormals are
/// flushed, nor on which side of rounding that is decided.)
Term settle(Term value);

} // namespace tokopt::reference

#endif // TOKOPT_LIB_REFERENCE_QUANTIZE_H
