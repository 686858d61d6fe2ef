//===- TokDialect.cpp - The tok dialect -----------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Tok/TokDialect.h"

#include "dialects/Tok/Bounds.h"
#include "dialects/Tok/CacheUses.h"
#include "dialects/Tok/Slots.h"
#include "dialects/Tok/TokAttrs.h"
#include "dialects/Tok/TokOps.h"
#include "dialects/Tok/TokTypes.h"
#include "dialects/Tok/ValueNames.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include "dialects/Tok/TokDialect.cpp.inc"
#include "dialects/Tok/TokOpInterfaces.cpp.inc"

using namespace mlir;
using namespace tokopt::tok;

namespace {

/// A cache's type is longer than the ops that pass it on, so it is printed
/// once.
struct TokAsmInterface : OpAsmDialectInterface {
  using OpAsmDialectInterface::OpAsmDialectInterface;

  AliasResult getAlias(Type type, raw_ostream &os) const override {
    if (!isa<CacheType>(type))
      return AliasResult::NoAlias;
    os << "kv";
    return AliasResult::FinalAlias;
  }
};

} // namespace

void TokDialect::initialize() {
  registerTypes();
  registerAttributes();
  addInterfaces<TokAsmInterface>();
  addOperations<
#define GET_OP_LIST
#include "dialects/Tok/TokOps.cpp.inc"
      >();
}

/// Checks `tok.launch`: the numbers every CUDA device can launch.
static LogicalResult verifyLaunch(Operation *op, Attribute attribute) {
  auto launch = dyn_cast<DictionaryAttr>(attribute);
  if (!isa<func::FuncOp>(op) || !launch)
    return op->emitError("expects '")
           << kLaunchAttrName << "' to be a dictionary on a func.func";
  auto check = [&](StringRef name, int64_t low, int64_t high) -> LogicalResult {
    Attribute attribute = launch.get(name);
    auto value = dyn_cast_or_null<IntegerAttr>(attribute);
    if (value && value.getValue().sge(low) && value.getValue().sle(high))
      return success();
    InFlightDiagnostic error = op->emitError("expects '")
                               << name << "' of '" << kLaunchAttrName
                               << "' to be an integer from " << low << " to "
                               << high << ", but got ";
    if (value)
      return error << llvm::toString(value.getValue(), 10, /*Signed=*/true);
    if (attribute)
      return error << attribute;
    return error << "none";
  };
  // A block has at most 1024 threads and, on sm_90, 227 KiB.
  if (failed(check("threads", 1, 1024)) || failed(check("shared", 0, 232448)))
    return failure();
  // What a grid has in y and z.
  constexpr int64_t kMostBlocks = 65535;
  const std::pair<StringRef, int64_t> optional[] = {{"rows", 1 << 20},
                                                    {"parts", kMostBlocks},
                                                    {"splits", kMostBlocks},
                                                    {"blocks", 32},
                                                    {"split_rows", 1 << 20}};
  for (auto [name, most] : optional)
    if (launch.contains(name) && failed(check(name, 1, most)))
      return failure();
  // What nobody reads would be dropped in silence. A name with a prefix belongs
  // to somebody else.
  SmallVector<StringRef> known = {"threads", "shared", "maps"};
  llvm::append_range(known, llvm::make_first_range(optional));
  for (NamedAttribute entry : launch)
    if (!entry.getName().getValue().contains('.') &&
        !llvm::is_contained(known, entry.getName().getValue()))
      return op->emitError("expects '")
             << kLaunchAttrName << "' to have " << llvm::join(known, ", ")
             << " only, but got '" << entry.getName().getValue() << "'";
  return success();
}

/// Checks `tok.probes`: what the manifest will say, which the runtime checks
/// again.
static LogicalResult verifyProbes(Operation *op, Attribute attribute) {
  auto probes = dyn_cast<ArrayAttr>(attribute);
  if (!isa<ModuleOp>(op) || !probes)
    return op->emitError("expects '")
           << kProbesAttrName << "' to be an array on a module";
  constexpr size_t kMostProbes = 1 << 16;
  if (probes.size() > kMostProbes)
    return op->emitError("expects at most ")
           << kMostProbes << " probes in '" << kProbesAttrName << "', but got "
           << probes.size();
  for (auto [number, entry] : llvm::enumerate(probes)) {
    auto refuse = [&](const Twine &expected) {
      return op->emitError("expects probe ")
             << number << " of '" << kProbesAttrName << "' to have " << expected
             << ", but got " << entry;
    };
    auto probe = dyn_cast<DictionaryAttr>(entry);
    if (!probe)
      return refuse("a dictionary");
    auto kernel = probe.getAs<IntegerAttr>("kernel");
    if (!kernel || kernel.getInt() < 0 || kernel.getInt() > kMaxCount)
      return refuse("the number of a 'kernel'");
    if (!probe.getAs<StringAttr>("label"))
      return refuse("a 'label'");
    if (!probe.contains("value"))
      continue;
    auto value = probe.getAs<StringAttr>("value");
    if (!value || !isValueName(value))
      return refuse("a 'value' of letters, digits, '.', '-' and '_'");
    auto type = probe.getAs<StringAttr>("type");
    if (!type ||
        !llvm::is_contained({"f32", "f16", "i32", "i8x32"}, type.getValue()))
      return refuse("a 'type': f32, f16, i32 or i8x32");
    auto columns = probe.getAs<IntegerAttr>("columns");
    if (!columns || columns.getInt() < 1 || columns.getInt() > kMaxCount)
      return refuse("a positive number of 'columns'");
    auto rows = probe.getAs<StringAttr>("rows");
    if (!rows || (rows != "step" && rows != "outputs"))
      return refuse("'rows': step or outputs");
  }
  return success();
}

/// Checks the attributes of the dialect that stand on arguments and results.
static LogicalResult verifyValueAttribute(Operation *op,
                                          NamedAttribute attribute,
                                          TypeRange types, unsigned index) {
  // The simulator reads, and checks, its own.
  if (attribute.getName() == kSimAttrName)
    return success();
  if (attribute.getName() != kSlotAttrName)
    return op->emitError("has an unknown attribute '")
           << attribute.getName().getValue()
           << "' of the tok dialect on an argument or "
           << "result";
  return verifySlot(op, attribute.getValue(),
                    index < types.size() ? types[index] : Type());
}

LogicalResult TokDialect::verifyRegionArgAttribute(Operation *op, unsigned,
                                                   unsigned argument,
                                                   NamedAttribute attribute) {
  auto function = dyn_cast<FunctionOpInterface>(op);
  return verifyValueAttribute(
      op, attribute, function ? function.getArgumentTypes() : ArrayRef<Type>(),
      argument);
}

LogicalResult TokDialect::verifyRegionResultAttribute(
    Operation *op, unsigned, unsigned result, NamedAttribute attribute) {
  auto function = dyn_cast<FunctionOpInterface>(op);
  return verifyValueAttribute(
      op, attribute, function ? function.getResultTypes() : ArrayRef<Type>(),
      result);
}

/// Checks the attributes of the dialect that stand on ops of other dialects.
LogicalResult TokDialect::verifyOperationAttribute(Operation *op,
                                                   NamedAttribute attribute) {
  StringRef name = attribute.getName();
  if (name == kModelAttrName) {
    if (!isa<ModuleOp>(op) || !isa<ModelAttr>(attribute.getValue()))
      return op->emitError("expects '")
             << name << "' to be a #tok.model on a module";
    return success();
  }
  if (name == kMetadataAttrName) {
    if (!isa<ModuleOp>(op) || !isa<SourceAttr>(attribute.getValue()))
      return op->emitError("expects '")
             << name << "' to be a #tok.source on a module";
    return success();
  }
  if (name == kProgramAttrName) {
    if (!isa<ModuleOp>(op) || !isa<DictionaryAttr>(attribute.getValue()))
      return op->emitError("expects '")
             << name << "' to be a dictionary on a module";
    return success();
  }
  if (name == kProbesAttrName)
    return verifyProbes(op, attribute.getValue());
  if (name == kKindAttrName) {
    auto function = dyn_cast<func::FuncOp>(op);
    if (!function || !isa<UnitAttr>(attribute.getValue()) ||
        !function.isPrivate() || function.isExternal())
      return op->emitError("expects '")
             << name
             << "' to be a unit attribute of a private func.func with a body";
    for (Value argument : function.getArguments())
      if (isa<CacheType>(argument.getType()) &&
          failed(verifyCacheUses(argument)))
        return failure();
    return success();
  }
  if (name == kLaunchAttrName)
    return verifyLaunch(op, attribute.getValue());
  if (name == kSimAttrName) {
    if (!isa<func::FuncOp>(op) || !isa<DictionaryAttr>(attribute.getValue()))
      return op->emitError("expects '")
             << name << "' to be a dictionary on a func.func";
    return success();
  }
  return op->emitError("has an unknown attribute '")
         << name << "' of the tok dialect";
}
