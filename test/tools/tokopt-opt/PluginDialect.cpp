//===- PluginDialect.cpp - A dialect from outside -------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"

using namespace mlir;

namespace {

/// The least that can be parsed, and verified to have nothing.
struct NoteOp : Op<NoteOp, OpTrait::ZeroOperands, OpTrait::ZeroResults,
                   OpTrait::ZeroRegions> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(NoteOp)
  using Op::Op;

  static ArrayRef<StringRef> getAttributeNames() { return {}; }
  static StringRef getOperationName() { return "plugged.note"; }
  static ParseResult parse(OpAsmParser &parser, OperationState &state) {
    return parser.parseOptionalAttrDict(state.attributes);
  }
  void print(OpAsmPrinter &printer) {
    printer.printOptionalAttrDict((*this)->getAttrs());
  }
};

struct PluggedDialect : Dialect {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PluggedDialect)

  explicit PluggedDialect(MLIRContext *context)
      : Dialect(getDialectNamespace(), context, TypeID::get<PluggedDialect>()) {
    addOperations<NoteOp>();
  }
  static constexpr StringLiteral getDialectNamespace() {
    return StringLiteral("plugged");
  }
};

} // namespace

extern "C" LLVM_ATTRIBUTE_WEAK DialectPluginLibraryInfo
mlirGetDialectPluginInfo() {
  return {
      MLIR_PLUGIN_API_VERSION, "TokPluginDialect", "0.1",
      [](DialectRegistry *registry) { registry->insert<PluggedDialect>(); }};
}
