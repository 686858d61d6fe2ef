//===- Ranges.h - Lists of layers printed as ranges -------------*- C++ -*-===//

#ifndef TOK_RANGES_H
#define TOK_RANGES_H

#include "mlir/IR/OpImplementation.h"

namespace tokopt::tok {

/// Parses `0-3, 7, 9-11` (without brackets). Fails on a descending range or on more than 65536 entries.
mlir::ParseResult parseRanges(mlir::AsmParser &parser, llvm::SmallVectorImpl<int64_t> &values);

/// Prints `values` as comma-separated ascending runs.
void printRanges(mlir::AsmPrinter &printer, llvm::ArrayRef<int64_t> values);

} // namespace tokopt::tok

#endif // TOK_RANGES_H
