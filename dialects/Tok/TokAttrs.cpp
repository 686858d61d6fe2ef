//===- TokAttrs.cpp - Attributes of the tok dialect -----------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Tok/TokAttrs.h"

#include "dialects/Tok/Bounds.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

#include "dialects/Tok/TokEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Tok/TokAttrs.cpp.inc"

using namespace mlir;
using namespace tokopt::tok;

ModelAttr tokopt::tok::findModel(Operation *op) {
  auto module = op->getParentOfType<ModuleOp>();
  return module ? module->getAttrOfType<ModelAttr>(kModelAttrName)
                : ModelAttr();
}

void TokDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Tok/TokAttrs.cpp.inc"
      >();
}

LogicalResult ModelAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                StringRef arch, StringRef name, int64_t layers,
                                int64_t width, int64_t contextLength,
                                int64_t vocab) {
  if (layers <= 0 || width <= 0 || contextLength <= 0 || vocab <= 0)
    return emitError()
           << "expects positive layers, width, context and vocab, but got "
           << layers << ", " << width << ", " << contextLength << ", " << vocab;
  struct {
    const char *name;
    int64_t value, largest;
  } const bounds[] = {{"layers", layers, kMaxLayers},
                      {"width", width, kMaxWidth},
                      {"context", contextLength, kMaxCount},
                      {"vocab", vocab, kMaxCount}};
  for (const auto &[what, value, largest] : bounds)
    if (value > largest)
      return emitError() << "expects " << what << " of at most " << largest
                         << ", but got " << value;
  return success();
}

LogicalResult SourceAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 StringRef file, int64_t offset,
                                 int64_t bytes) {
  if (offset < 0 || bytes < 0)
    return emitError() << "expects a range of the file, but got offset "
                       << offset << ", bytes " << bytes;
  return success();
}

LogicalResult ComputeAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  Type type, int64_t block) {
  if (!type.isInteger(8))
    return emitError() << "expects i8, but got " << type;
  if (block != 32)
    return emitError() << "expects a block of 32, but got " << block;
  return success();
}

//===----------------------------------------------------------------------===//
// MaskAttr
//===----------------------------------------------------------------------===//

Attribute MaskAttr::parse(AsmParser &parser, Type) {
  bool causal = false;
  int64_t window = 0;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess())
    return {};
  // The lexer has no `&`, so rules of a conjunction are joined by commas.
  auto parseRule = [&]() -> ParseResult {
    if (succeeded(parser.parseOptionalKeyword("full")))
      return success();
    if (succeeded(parser.parseOptionalKeyword("lane"))) {
      causal = true;
      return failure(parser.parseLParen() || parser.parseKeyword("step") ||
                     parser.parseEqual() || parser.parseKeyword("pos") ||
                     parser.parseRParen());
    }
    if (succeeded(parser.parseOptionalKeyword("tree")))
      return parser.emitError(loc)
             << "has no rule 'tree': rows have no column that names the row "
                "they continue";
    int64_t rows;
    if (parser.parseKeyword("window", " or 'lane' or 'full'") ||
        parser.parseLess() || parser.parseInteger(rows) ||
        parser.parseGreater())
      return failure();
    if (rows <= 0)
      return parser.emitError(loc)
             << "expects a positive window, but got " << rows;
    window = window ? std::min(window, rows) : rows;
    return success();
  };
  if (parser.parseCommaSeparatedList(parseRule) || parser.parseGreater())
    return {};
  return parser.getChecked<MaskAttr>(loc, parser.getContext(), causal, window);
}

void MaskAttr::print(AsmPrinter &printer) const {
  printer << "<";
  if (getCausal())
    printer << "lane(step = pos)" << (getWindow() ? ", " : "");
  if (getWindow())
    printer << "window<" << getWindow() << ">";
  if (!getCausal() && !getWindow())
    printer << "full";
  printer << ">";
}

LogicalResult MaskAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               bool causal, int64_t window) {
  if (window < 0)
    return emitError() << "expects a window of at least 0, but got " << window;
  return success();
}
