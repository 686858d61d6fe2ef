//===- Slots.h - What an argument of an entry may be ------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOK_SLOTS_H
#define TOK_SLOTS_H

#include "mlir/IR/Operation.h"

namespace tokopt::tok {

/// Checks `tok.slot = value` on an argument or result of type `type` of the
/// entry `op`: generated code reads and writes as many bytes as the type says,
/// at the address that the frame holds in this slot (docs/bundle.md). In a
/// module with `tok.model`, logits and the frontier are as wide as the model.
mlir::LogicalResult verifySlot(mlir::Operation *op, mlir::Attribute value,
                               mlir::Type type);

} // namespace tokopt::tok

#endif // TOK_SLOTS_H
