//===- TokOps.h - Operations of the tok dialect -----------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOK_TOKOPS_H
#define TOK_TOKOPS_H

#include "dialects/Tok/TokAttrs.h"
#include "dialects/Tok/TokDialect.h"
#include "dialects/Tok/TokTypes.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/PatternMatch.h" // canonicalize methods
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace tokopt::tok {
/// Checks what WeightExpressionInterface promises.
llvm::LogicalResult verifyWeightExpression(mlir::Operation *op);
/// Checks what CacheUserInterface promises of the layer.
llvm::LogicalResult verifyCacheLayer(mlir::Operation *op);
} // namespace tokopt::tok

#include "dialects/Tok/TokOpInterfaces.h.inc"

#define GET_OP_CLASSES
#include "dialects/Tok/TokOps.h.inc"

namespace tokopt::tok {
/// The weights of `module` that a bundle has to hold, in order: all but those
/// that only expressions of other weights read.
llvm::SmallVector<WeightOp> getStoredWeights(mlir::ModuleOp module);
} // namespace tokopt::tok

#endif // TOK_TOKOPS_H
