//===- Reads.h - What an op may read of a weight or cache -------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Generated code reads at the place that a number gives. These checks are all
// that keeps it from reading out of bounds.
//
//===----------------------------------------------------------------------===//

#ifndef TOK_READS_H
#define TOK_READS_H

#include "mlir/IR/Value.h"
#include "mlir/Support/LLVM.h"

namespace tokopt::tok {

class WeightOp;

/// Checks the layer of `weight` that `reader` names. In a kind it is the kind's
/// argument, which the stack checks for the layers that it applies the kind to;
/// anywhere else it is a constant that the family has.
mlir::LogicalResult verifyWeightLayer(mlir::Operation *reader,
                                      mlir::Value layer, WeightOp weight);

/// Checks that `reader` finds a row of `weight` for every id that the runtime
/// takes: those below the vocabulary of the module's model, if it has one.
mlir::LogicalResult verifyVocabulary(mlir::Operation *reader, WeightOp weight);

} // namespace tokopt::tok

#endif // TOK_READS_H
