//===- Slots.cpp - What an argument of an entry may be --------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Tok/Slots.h"

#include "dialects/Tok/TokOps.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace tokopt::tok;

namespace {

enum class Element { I8, I32, I64, F32 };

/// A slot as the frame has it. Numbers have no element; buffers have `T` rows
/// of `columns`, 0 for vectors and -1 for any number.
struct Slot {
  StringRef name;
  std::optional<Element> element;
  int64_t columns = 0;
  /// The number in `#tok.model` that the columns are.
  int64_t (ModelAttr::*width)() const = nullptr;
};

} // namespace

static const Slot *findSlot(StringRef name) {
  static const Slot slots[] = {
      {"weights", Element::I8},
      {"workspace", Element::I8},
      {"capacity", std::nullopt},
      {"full_rows", std::nullopt},
      {"layer_begin", std::nullopt},
      {"layer_end", std::nullopt},
      {"outs", std::nullopt},
      {"ids", Element::I32},
      {"pos", Element::I32},
      {"seq", Element::I32},
      {"out", Element::I32},
      {"tokens", Element::I32},
      {"sampling", Element::F32, 4},
      {"seeds", Element::I64, 2},
      {"logits", Element::F32, -1, &ModelAttr::getVocab},
      {"frontier", Element::F32, -1, &ModelAttr::getWidth},
  };
  const auto *found =
      llvm::find_if(slots, [&](const Slot &slot) { return slot.name == name; });
  return found == std::end(slots) ? nullptr : found;
}

static bool isElement(Type type, Element element) {
  switch (element) {
  case Element::I8:
    return type.isInteger(8);
  case Element::I32:
    return type.isInteger(32);
  case Element::I64:
    return type.isInteger(64);
  case Element::F32:
    return type.isF32();
  }
  llvm_unreachable("covered switch");
}

/// The columns of a row, however it is cut into heads; -1 when they are not
/// known.
static int64_t columnsOf(ShapedType type) {
  int64_t columns = 1;
  for (int64_t size : type.getShape().drop_front())
    if (ShapedType::isDynamic(size) ||
        llvm::MulOverflow(columns, size, columns))
      return -1;
  return columns;
}

static std::string spell(const Slot &slot, ModelAttr model) {
  if (!slot.element)
    return "index";
  StringRef names[] = {"i8", "i32", "i64", "f32"};
  std::string columns;
  if (slot.columns > 0)
    columns = std::to_string(slot.columns) + "x";
  else if (slot.width)
    columns = (model ? std::to_string((model.*slot.width)()) : "N") + "x";
  return "?x" + columns + names[static_cast<size_t>(*slot.element)].str();
}

static bool matches(const Slot &slot, Type type, ModelAttr model) {
  if (!slot.element)
    return type.isIndex();
  auto shaped = dyn_cast<ShapedType>(type);
  if (!isa<RankedTensorType, MemRefType>(type) || shaped.getRank() < 1 ||
      !shaped.isDynamicDim(0) ||
      !isElement(shaped.getElementType(), *slot.element))
    return false;
  if (slot.columns == 0)
    return shaped.getRank() == 1;
  int64_t columns = columnsOf(shaped);
  if (slot.columns > 0)
    return shaped.getRank() == 2 && columns == slot.columns;
  return shaped.getRank() > 1 && (!model || columns == (model.*slot.width)());
}

LogicalResult tokopt::tok::verifySlot(Operation *op, Attribute value,
                                      Type type) {
  auto name = dyn_cast<StringAttr>(value);
  if (!name || !isa<func::FuncOp>(op))
    return op->emitOpError("expects '")
           << kSlotAttrName
           << "' to be a string on an argument or result of a func.func, but "
              "got "
           << value;
  ModelAttr model = findModel(op);
  auto refuse = [&](const Twine &expected) {
    return op->emitOpError("expects slot ")
           << name << " to be " << expected << ", but got " << type;
  };
  // The rows of the step are named by their columns, or counted.
  if (name.getValue() == "rows")
    return isa<RowsType, IndexType>(type) ? success()
                                          : refuse("!tok.rows or index");
  const Slot *slot = findSlot(name.getValue());
  if (slot)
    return matches(*slot, type, model) ? success()
                                       : refuse(spell(*slot, model));
  // What the runtime keeps for itself; every other name is that of a cache, and
  // lowering refuses those that are not.
  StringRef kept[] = {"workers", "barrier", "yield", "scratch", "caches"};
  if (llvm::is_contained(kept, name.getValue()))
    return refuse("one that an entry may take (docs/bundle.md)");
  return success();
}
