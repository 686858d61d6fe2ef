//===- Ranges.h - Lists of layers printed as ranges -------------*- C++ -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOK_RANGES_H
#define TOK_RANGES_H

#include "dialects/Tok/Bounds.h"

#include "mlir/IR/OpImplementation.h"

namespace tokopt::tok {

/// Parses `0-3, 7, 9-11` (without brackets). Fails on a negative
/// number, a descending range or more than `kMaxLayers` entries.
mlir::ParseResult parseRanges(mlir::AsmParser &parser,
                              llvm::SmallVectorImpl<int64_t> &values);

/// Prints `values` as comma-separated ascending runs.
void printRanges(mlir::AsmPrinter &printer, llvm::ArrayRef<int64_t> values);

} // namespace tokopt::tok

#endif // TOK_RANGES_H
