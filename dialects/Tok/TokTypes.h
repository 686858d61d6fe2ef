//===- TokTypes.h - Types of the tok dialect --------------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOK_TOKTYPES_H
#define TOK_TOKTYPES_H

#include "dialects/Tok/TokDialect.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"

#include "dialects/Tok/TokTypeInterfaces.h.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/Tok/TokTypes.h.inc"

namespace tokopt::tok {

/// Values of one stored block of `elementType`: its format's, or 1 for a plain
/// float.
int64_t getBlock(mlir::Type elementType);
/// Bytes of one such block in the model file.
int64_t getBlockBytes(mlir::Type elementType);
/// Whether `elementType` is a weight format or a float that weights come in.
bool isWeightElement(mlir::Type elementType);
/// Whether `tok.quantize` is defined for elements of `elementType`.
bool hasRounding(mlir::Type elementType);
/// The type of a weight's values: the shape of `type`, elements of f32.
mlir::Type getPlainType(mlir::Type type);
/// A vector of an f32 for each column of `type`.
mlir::Type getColumnsType(mlir::Type type);

} // namespace tokopt::tok

#endif // TOK_TOKTYPES_H
