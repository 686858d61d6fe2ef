//===- TokAttrs.h - Attributes of the tok dialect ---------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOK_TOKATTRS_H
#define TOK_TOKATTRS_H

#include "dialects/Tok/TokDialect.h"

#include "mlir/IR/Attributes.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"

#include "dialects/Tok/TokEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Tok/TokAttrs.h.inc"

namespace tokopt::tok {
/// What the module of `op` says of its model, or null.
ModelAttr findModel(mlir::Operation *op);
} // namespace tokopt::tok

#endif // TOK_TOKATTRS_H
