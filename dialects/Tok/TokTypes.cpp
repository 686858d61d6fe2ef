//===- TokTypes.cpp - Types of the tok dialect ----------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Tok/TokTypes.h"

#include "dialects/Tok/Ranges.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

#include "dialects/Tok/TokTypeInterfaces.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/Tok/TokTypes.cpp.inc"

using namespace mlir;
using namespace tokopt::tok;

void TokDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/Tok/TokTypes.cpp.inc"
      >();
}

int64_t tokopt::tok::getBlock(Type elementType) {
  if (auto format = dyn_cast<FormatInterface>(elementType))
    return format.getBlock();
  return 1;
}

int64_t tokopt::tok::getBlockBytes(Type elementType) {
  if (auto format = dyn_cast<FormatInterface>(elementType))
    return format.getBlockBytes();
  return elementType.getIntOrFloatBitWidth() / 8;
}

bool tokopt::tok::isWeightElement(Type elementType) {
  return isa<FormatInterface>(elementType) || elementType.isF32() ||
         elementType.isF16() || elementType.isBF16();
}

bool tokopt::tok::hasRounding(Type elementType) {
  if (auto format = dyn_cast<FormatInterface>(elementType))
    return format.hasRounding();
  return isWeightElement(elementType);
}

Type tokopt::tok::getPlainType(Type type) {
  return cast<RankedTensorType>(type).clone(
      Float32Type::get(type.getContext()));
}

Type tokopt::tok::getColumnsType(Type type) {
  return RankedTensorType::get(
      cast<RankedTensorType>(type).getShape().take_back(),
      Float32Type::get(type.getContext()));
}

/// Parses `[a, b]`, a list of bare names.
static ParseResult parseNames(AsmParser &parser,
                              SmallVectorImpl<StringAttr> &names) {
  return parser.parseCommaSeparatedList(
      AsmParser::Delimiter::OptionalSquare, [&]() -> ParseResult {
        StringRef name;
        if (parser.parseKeyword(&name))
          return failure();
        names.push_back(parser.getBuilder().getStringAttr(name));
        return success();
      });
}

static void printNames(AsmPrinter &printer, ArrayRef<StringAttr> names) {
  llvm::interleaveComma(names, printer,
                        [&](StringAttr name) { printer << name.getValue(); });
}

//===----------------------------------------------------------------------===//
// RowsType
//===----------------------------------------------------------------------===//

Type RowsType::parse(AsmParser &parser) {
  SmallVector<StringAttr> columns;
  SMLoc loc = parser.getCurrentLocation();
  auto parseColumn = [&]() -> ParseResult {
    StringRef name;
    if (parser.parseKeyword(&name))
      return failure();
    columns.push_back(parser.getBuilder().getStringAttr(name));
    return success();
  };
  // Delimiter::LessGreater reports a missing `<` and then succeeds.
  if (parser.parseLess() || parser.parseCommaSeparatedList(parseColumn) ||
      parser.parseGreater())
    return {};
  return parser.getChecked<RowsType>(loc, parser.getContext(), columns);
}

void RowsType::print(AsmPrinter &printer) const {
  printer << "<";
  printNames(printer, getColumns());
  printer << ">";
}

LogicalResult RowsType::verify(function_ref<InFlightDiagnostic()> emitError,
                               ArrayRef<StringAttr> columns) {
  for (auto [index, column] : llvm::enumerate(columns))
    if (llvm::is_contained(columns.take_front(index), column))
      return emitError() << "expects distinct columns, but " << column
                         << " stands twice";
  for (StringRef required : {"pos", "seq"})
    if (llvm::none_of(columns, [&](StringAttr name) {
          return name.getValue() == required;
        }))
      return emitError() << "expects the column '" << required << "'";
  return success();
}

//===----------------------------------------------------------------------===//
// CacheType
//===----------------------------------------------------------------------===//

/// Parses `name = `.
static ParseResult parseField(AsmParser &parser, StringRef name) {
  return failure(parser.parseKeyword(name) || parser.parseEqual());
}

/// Parses `, name = <integer>`.
static ParseResult parseIntField(AsmParser &parser, StringRef name,
                                 int64_t &value) {
  return failure(parser.parseComma() || parseField(parser, name) ||
                 parser.parseInteger(value));
}

/// Parses `, name = <size> x <type>`.
static ParseResult parseSideField(AsmParser &parser, StringRef name,
                                  int64_t &size, Type &type) {
  return failure(parseIntField(parser, name, size) ||
                 parser.parseKeyword("x") || parser.parseType(type));
}

/// Parses `, name = <keyword>`.
static ParseResult parseNameField(AsmParser &parser, StringRef name,
                                  StringAttr &value) {
  StringRef keyword;
  if (parser.parseComma() || parseField(parser, name) ||
      parser.parseKeyword(&keyword))
    return failure();
  value = parser.getBuilder().getStringAttr(keyword);
  return success();
}

/// Parses `, name = [a, b]`.
static ParseResult parseNamesField(AsmParser &parser, StringRef name,
                                   SmallVectorImpl<StringAttr> &names) {
  return failure(parser.parseComma() || parseField(parser, name) ||
                 parseNames(parser, names));
}

Type CacheType::parse(AsmParser &parser) {
  SmallVector<int64_t> layers;
  int64_t heads, kSize, vSize, page, window, sinks, residual;
  Type kType, vType;
  StringAttr keys, tables;
  SmallVector<StringAttr> columns, digests;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parseField(parser, "layers") ||
      parser.parseLSquare() || parseRanges(parser, layers) ||
      parser.parseRSquare() || parseIntField(parser, "heads", heads) ||
      parseSideField(parser, "k", kSize, kType) ||
      parseSideField(parser, "v", vSize, vType) ||
      parseIntField(parser, "page", page) ||
      parseNameField(parser, "keys", keys) ||
      parseIntField(parser, "window", window) ||
      parseIntField(parser, "sinks", sinks) ||
      parseIntField(parser, "residual", residual) ||
      parseNameField(parser, "tables", tables) ||
      parseNamesField(parser, "columns", columns) ||
      parseNamesField(parser, "digests", digests) || parser.parseGreater())
    return {};
  return parser.getChecked<CacheType>(
      loc, parser.getContext(), layers, heads, kSize, kType, vSize, vType, page,
      keys, window, sinks, residual, tables, columns, digests);
}

void CacheType::print(AsmPrinter &printer) const {
  printer << "<layers = [";
  printRanges(printer, getLayers());
  printer << "], heads = " << getHeads() << ", k = " << getKSize() << " x "
          << getKType() << ", v = " << getVSize() << " x " << getVType()
          << ", page = " << getPage() << ", keys = " << getKeys().getValue()
          << ", window = " << getWindow() << ", sinks = " << getSinks()
          << ", residual = " << getResidual()
          << ", tables = " << getTables().getValue() << ", columns = [";
  printNames(printer, getColumns());
  printer << "], digests = [";
  printNames(printer, getDigests());
  printer << "]>";
}

LogicalResult CacheType::verify(function_ref<InFlightDiagnostic()> emitError,
                                ArrayRef<int64_t> layers, int64_t heads,
                                int64_t kSize, Type kType, int64_t vSize,
                                Type vType, int64_t page, StringAttr keys,
                                int64_t window, int64_t sinks, int64_t residual,
                                StringAttr tables, ArrayRef<StringAttr> columns,
                                ArrayRef<StringAttr> digests) {
  if (layers.empty() || !llvm::is_sorted(layers, std::less_equal<int64_t>()) ||
      layers.front() < 0 || layers.back() >= kMaxLayers)
    return emitError() << "expects ascending layers from 0 to "
                       << kMaxLayers - 1;
  if (heads <= 0 || kSize <= 0 || vSize <= 0)
    return emitError() << "expects positive heads and sizes, but got heads = "
                       << heads << ", k = " << kSize << ", v = " << vSize;
  for (Type type : {kType, vType})
    if (!type.isF32() && !type.isF16() && !type.isBF16() && !type.isInteger(8))
      return emitError()
             << "expects keys and values of f32, f16, bf16 or i8, but got "
             << type;
  // Attention reduces in blocks of 64 slots, so a block must not span pages.
  if (page <= 0 || page % 64 || page > kMaxPageSlots)
    return emitError() << "expects a page of a multiple of 64 slots, at most "
                       << kMaxPageSlots << ", but got " << page;
  // In floating point, since any of these may be as large as it likes.
  auto bytesOf = [](int64_t size, Type type) {
    return static_cast<double>(size) * (type.getIntOrFloatBitWidth() / 8);
  };
  double bytes = static_cast<double>(page) * layers.size() * heads *
                 (bytesOf(kSize, kType) + bytesOf(vSize, vType));
  if (bytes > kMaxPageBytes)
    return emitError() << "expects a page of at most " << kMaxPageBytes
                       << " bytes, but " << page << " slots of "
                       << layers.size() << " layers need more";
  if (keys.getValue() != "post_rope" && keys.getValue() != "pre_rope")
    return emitError() << "expects keys = post_rope or pre_rope, but got "
                       << keys.getValue();
  if (tables.getValue() != "shared" && tables.getValue() != "head")
    return emitError() << "expects tables = shared or head, but got "
                       << tables.getValue();
  if (window < 0 || sinks < 0 || residual < 0)
    return emitError() << "expects window, sinks and residual of at least 0";
  return success();
}

CacheType CacheType::withElementTypes(Type k, Type v) const {
  return get(getContext(), getLayers(), getHeads(), getKSize(), k, getVSize(),
             v, getPage(), getKeys(), getWindow(), getSinks(), getResidual(),
             getTables(), getColumns(), getDigests());
}

int64_t CacheType::indexOfLayer(int64_t layer) const {
  const auto *found = llvm::lower_bound(getLayers(), layer);
  return found != getLayers().end() && *found == layer
             ? found - getLayers().begin()
             : -1;
}
