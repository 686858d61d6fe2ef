//===- Ranges.cpp - Lists of layers printed as ranges ---------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Tok/Ranges.h"

using namespace mlir;

ParseResult tokopt::tok::parseRanges(AsmParser &parser,
                                     SmallVectorImpl<int64_t> &values) {
  do {
    int64_t first, last;
    SMLoc loc = parser.getCurrentLocation();
    if (parser.parseInteger(first))
      return failure();
    // `0-3` lexes as the integer 0 followed by the integer -3 or by `-` and 3.
    last = first;
    if (succeeded(parser.parseOptionalMinus()) && parser.parseInteger(last))
      return failure();
    if (first < 0 || last < first)
      return parser.emitError(loc)
             << "expects an ascending range, but got " << first << "-" << last;
    if (last - first >= kMaxLayers - static_cast<int64_t>(values.size()))
      return parser.emitError(loc)
             << "expects at most " << kMaxLayers << " entries";
    for (int64_t value = first; value <= last; ++value)
      values.push_back(value);
  } while (succeeded(parser.parseOptionalComma()));
  return success();
}

void tokopt::tok::printRanges(AsmPrinter &printer, ArrayRef<int64_t> values) {
  for (size_t i = 0; i < values.size();) {
    size_t last = i;
    while (last + 1 < values.size() && values[last + 1] == values[last] + 1)
      ++last;
    if (i)
      printer << ", ";
    printer << values[i];
    if (last > i)
      printer << "-" << values[last];
    i = last + 1;
  }
}
