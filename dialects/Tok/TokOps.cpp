//===- TokOps.cpp - Assembly formats of the tok ops -----------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The custom directives that the declarative formats name, and the definitions
// generated from them. Verifiers stand in the file of each family.
//
//===----------------------------------------------------------------------===//

#include "dialects/Tok/TokOps.h"

#include "dialects/Tok/Ranges.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h" // FieldParser, for enum properties

using namespace mlir;
using namespace tokopt::tok;

//===----------------------------------------------------------------------===//
// Lists of layers: [0-3, 7]
//===----------------------------------------------------------------------===//

static ParseResult parseLayerList(OpAsmParser &parser,
                                  DenseI64ArrayAttr &layers) {
  SmallVector<int64_t> values;
  if (parser.parseLSquare() || parseRanges(parser, values) ||
      parser.parseRSquare())
    return failure();
  layers = parser.getBuilder().getDenseI64ArrayAttr(values);
  return success();
}

static void printLayerList(OpAsmPrinter &printer, Operation *,
                           DenseI64ArrayAttr layers) {
  printer << "[";
  printRanges(printer, layers);
  printer << "]";
}

//===----------------------------------------------------------------------===//
// Families that an expression reads: @a, @b
//===----------------------------------------------------------------------===//

static ParseResult parseFamilyList(OpAsmParser &parser, ArrayAttr &families) {
  SmallVector<Attribute> symbols;
  auto parseFamily = [&]() -> ParseResult {
    StringAttr name;
    if (parser.parseSymbolName(name))
      return failure();
    symbols.push_back(FlatSymbolRefAttr::get(name));
    return success();
  };
  if (parser.parseCommaSeparatedList(parseFamily))
    return failure();
  families = parser.getBuilder().getArrayAttr(symbols);
  return success();
}

static void printFamilyList(OpAsmPrinter &printer, Operation *,
                            ArrayAttr families) {
  llvm::interleaveComma(families, printer);
}

//===----------------------------------------------------------------------===//
// The run table: [@decoder for 0-4, @global for 5]
//===----------------------------------------------------------------------===//

static ParseResult parseKindTable(OpAsmParser &parser, ArrayAttr &kinds,
                                  DenseI64ArrayAttr &kindOf,
                                  DenseI64ArrayAttr &layers) {
  SmallVector<Attribute> symbols;
  SmallVector<int64_t> kindIndices, layerIndices;
  auto parseRun = [&]() -> ParseResult {
    FlatSymbolRefAttr symbol;
    StringAttr name;
    int64_t layer, last;
    if (parser.parseSymbolName(name) || parser.parseKeyword("for") ||
        parser.parseInteger(layer))
      return failure();
    last = layer;
    if (succeeded(parser.parseOptionalMinus()) && parser.parseInteger(last))
      return failure();
    if (layer < 0 || last < layer || last - layer >= kMaxLayers)
      return parser.emitError(parser.getCurrentLocation())
             << "expects an ascending range of layers, but got " << layer << "-"
             << last;
    symbol = FlatSymbolRefAttr::get(name);
    auto *found = llvm::find(symbols, symbol);
    int64_t kind = found - symbols.begin();
    if (found == symbols.end())
      symbols.push_back(symbol);
    for (; layer <= last; ++layer) {
      kindIndices.push_back(kind);
      layerIndices.push_back(layer);
    }
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseRun))
    return failure();
  kinds = parser.getBuilder().getArrayAttr(symbols);
  kindOf = parser.getBuilder().getDenseI64ArrayAttr(kindIndices);
  layers = parser.getBuilder().getDenseI64ArrayAttr(layerIndices);
  return success();
}

static void printKindTable(OpAsmPrinter &printer, Operation *, ArrayAttr kinds,
                           DenseI64ArrayAttr kindOf, DenseI64ArrayAttr layers) {
  printer << "[";
  for (int64_t i = 0, e = layers.size(); i < e;) {
    int64_t last = i;
    while (last + 1 < e && kindOf[last + 1] == kindOf[i] &&
           layers[last + 1] == layers[last] + 1)
      ++last;
    printer << (i ? ", " : "") << kinds[kindOf[i]] << " for " << layers[i];
    if (last > i)
      printer << "-" << layers[last];
    i = last + 1;
  }
  printer << "]";
}

/// The caches of the result are those of the operand, so nothing is printed.
static ParseResult parseCacheResults(OpAsmParser &, ArrayRef<Type> caches,
                                     SmallVectorImpl<Type> &results) {
  llvm::append_range(results, caches);
  return success();
}

static void printCacheResults(OpAsmPrinter &, Operation *, TypeRange,
                              TypeRange) {}

//===----------------------------------------------------------------------===//
// Results of tok.take
//===----------------------------------------------------------------------===//

/// The results follow from the operands: as many rows as indices, the input's
/// columns.
static ParseResult parseTakeResults(OpAsmParser &parser, Type input,
                                    Type indices, Type rows, Type &output,
                                    Type &outputRows) {
  auto inputType = dyn_cast<RankedTensorType>(input);
  auto indicesType = dyn_cast<RankedTensorType>(indices);
  if (!inputType || !indicesType || inputType.getRank() != 2 ||
      indicesType.getRank() != 1)
    return parser.emitError(parser.getNameLoc(),
                            "expects a matrix and a vector of indices");
  output = RankedTensorType::get(
      {indicesType.getDimSize(0), inputType.getDimSize(1)},
      inputType.getElementType());
  outputRows = rows;
  return success();
}

static void printTakeResults(OpAsmPrinter &, Operation *, Type, Type, Type,
                             Type, Type) {}

#define GET_OP_CLASSES
#include "dialects/Tok/TokOps.cpp.inc"
