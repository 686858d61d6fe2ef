//===- WrapEntries.cpp - From the frame to the arguments of an entry ------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CacheLayout.h"
#include "Passes.h"

#include "dialects/Tok/TokDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace tokopt::reference {
#define GEN_PASS_DEF_WRAPENTRIESPASS
#include "lib/Reference/Passes.h.inc"
} // namespace tokopt::reference

using namespace mlir;
using namespace tokopt;
using namespace tokopt::reference;

namespace {

/// A slot of the frame that an argument may be.
struct Slot {
  StringLiteral name;
  int number;
  /// The slot that counts the rows of a buffer, or -1: nothing reads how many
  /// it has.
  int rows = -1;
  /// Rows are this many elements apart, rounded up.
  int64_t rounding = 1;
};

enum { kRows = 4, kOuts = 11, kCaches = 21 };

constexpr Slot kSlots[] = {
    {"weights", 3},
    {"rows", kRows},
    {"full_rows", 5},
    {"layer_begin", 6},
    {"layer_end", 7},
    {"ids", 8, kRows},
    {"pos", 9, kRows},
    {"seq", 10, kRows},
    {"outs", kOuts},
    {"out", 12, kOuts},
    {"logits", 13, kOuts, 16},
    {"sampling", 14, kOuts},
    {"seeds", 15, kOuts},
    {"tokens", 16, kOuts},
    {"frontier", 17, kRows, 16},
    {"workspace", 18},
    {"capacity", 19},
    {"instrument", 22},
    {"instrument_data", 23},
};

/// Builds the body of an entry.
class FrameReader {
public:
  FrameReader(ImplicitLocOpBuilder &b, Value frame) : b(b), frame(frame) {}

  /// The value of an argument with the given role, or null.
  Value read(Type type, StringRef role) {
    const Slot *slot = llvm::find_if(
        kSlots, [&](const Slot &slot) { return slot.name == role; });
    auto buffer = dyn_cast<MemRefType>(type);
    if (slot == std::end(kSlots))
      return buffer ? readCachePart(buffer, role) : Value();
    if (!buffer)
      return toIndex(load(frame, slot->number, b.getI64Type()));
    if (buffer.getRank() < 1 || buffer.getRank() > 2 ||
        (buffer.getRank() == 2 && buffer.isDynamicDim(1)))
      return {};
    int64_t distance =
        buffer.getRank() == 1
            ? 1
            : llvm::alignTo(buffer.getDimSize(1), slot->rounding);
    Value pointer = load(frame, slot->number, pointerType());
    Value rows =
        slot->rows < 0 ? constant(0) : load(frame, slot->rows, b.getI64Type());
    return makeBuffer(buffer, pointer, rows, constant(distance));
  }

private:
  Type pointerType() { return LLVM::LLVMPointerType::get(b.getContext()); }
  Value constant(int64_t value) {
    return LLVM::ConstantOp::create(b, b.getI64Type(), value);
  }
  Value toIndex(Value value) {
    return arith::IndexCastOp::create(b, b.getIndexType(), value);
  }
  Value load(Value base, int64_t number, Type type) {
    Value place = LLVM::GEPOp::create(
        b, pointerType(), b.getI64Type(), base,
        ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(number)});
    return LLVM::LoadOp::create(b, type, place);
  }

  /// `<cache>.<part>`. Caches are numbered, and the planes of a page laid out,
  /// in the order of the arguments.
  Value readCachePart(MemRefType type, StringRef role) {
    auto [cache, part] = role.split('.');
    int64_t page = pageBytes.lookup(cache);
    bool isTable = part == "table";
    if (page <= 0 || type.getRank() < 2 ||
        (!isTable && type.getNumDynamicDims() != 1))
      return {};
    if (cache != lastCache) {
      lastCache = cache;
      offset = 0;
      ++cacheNumber;
    }
    Value caches = load(frame, kCaches, pointerType());
    if (isTable) {
      Value table = load(caches, 3 * cacheNumber + 1, pointerType());
      Value distance = load(caches, 3 * cacheNumber + 2, b.getI64Type());
      return makeBuffer(type, table, constant(0), distance);
    }
    Value pool = load(caches, 3 * cacheNumber, pointerType());
    Value place = constant(offset);
    Value plane = LLVM::GEPOp::create(b, pointerType(), b.getI8Type(), pool,
                                      ArrayRef<LLVM::GEPArg>{place});
    offset += getPlaneBytes(type.getShape(), type.getElementType());
    Value distance = constant(page / (type.getElementTypeBitWidth() / 8));
    return makeBuffer(type, plane, constant(0), distance);
  }

  /// A buffer at `pointer` of `rows` rows that are `distance` elements apart. A
  /// row of unknown size (of a page table) fills that distance.
  Value makeBuffer(MemRefType type, Value pointer, Value rows, Value distance) {
    int64_t rank = type.getRank();
    Type i64 = b.getI64Type();
    Type array = LLVM::LLVMArrayType::get(i64, rank);
    auto descriptor = LLVM::LLVMStructType::getLiteral(
        b.getContext(), {pointerType(), pointerType(), i64, array, array});
    Value value = LLVM::UndefOp::create(b, descriptor);
    auto set = [&](Value field, ArrayRef<int64_t> position) {
      value = LLVM::InsertValueOp::create(b, value, field, position);
    };
    set(pointer, 0);
    set(pointer, 1);
    set(constant(0), 2);
    set(rows, {3, 0});
    set(distance, {4, 0});
    int64_t stride = 1;
    for (int64_t i = rank - 1; i > 0; --i) {
      bool known = !type.isDynamicDim(i);
      set(known ? constant(type.getDimSize(i)) : distance, {3, i});
      set(constant(stride), {4, i});
      stride *= known ? type.getDimSize(i) : 1;
    }
    return UnrealizedConversionCastOp::create(b, TypeRange(type), value)
        .getResult(0);
  }

public:
  /// Bytes of a page, by cache.
  llvm::StringMap<int64_t> pageBytes;

private:
  ImplicitLocOpBuilder &b;
  Value frame;
  StringRef lastCache;
  int64_t cacheNumber = -1;
  /// Of the next plane of the cache.
  int64_t offset = 0;
};

struct WrapEntriesPass : reference::impl::WrapEntriesPassBase<WrapEntriesPass> {
  void runOnOperation() override {
    SmallVector<func::FuncOp> entries;
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function.isPublic() && !function.isExternal() &&
          function.getNumArguments() > 0 &&
          function.getArgAttr(0, tok::kSlotAttrName))
        entries.push_back(function);
    for (func::FuncOp entry : entries)
      if (failed(wrap(entry)))
        return signalPassFailure();
    for (auto function : getOperation().getOps<func::FuncOp>())
      dropRoles(function);
  }

private:
  LogicalResult wrap(func::FuncOp body) {
    if (body.getNumResults())
      return body.emitError("expects an entry whose results are written to "
                            "their slots in place, but it returns ")
             << body.getResultTypes();
    SymbolTable symbols(getOperation());
    StringAttr name = body.getNameAttr();
    symbols.remove(body);
    body.setPrivate();
    body.setName((name.getValue() + "_body").str());
    symbols.insert(body); // makes the name unique

    ImplicitLocOpBuilder b(body.getLoc(), &getContext());
    b.setInsertionPointAfter(body);
    auto type = b.getFunctionType(
        {LLVM::LLVMPointerType::get(&getContext()), b.getI64Type()}, {});
    auto entry = func::FuncOp::create(b, name, type);
    b.setInsertionPointToStart(entry.addEntryBlock());
    Value zero = arith::ConstantOp::create(b, b.getI64IntegerAttr(0));
    Value first = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                        entry.getArgument(1), zero);
    auto choice = scf::IfOp::create(b, first, /*withElseRegion=*/false);
    func::ReturnOp::create(b);
    b.setInsertionPointToStart(choice.thenBlock());

    FrameReader reader(b, entry.getArgument(0));
    readPageBytes(reader);
    SmallVector<Value> arguments;
    for (BlockArgument argument : body.getArguments()) {
      auto role = body.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                    tok::kSlotAttrName);
      Value value =
          role ? reader.read(argument.getType(), role.getValue()) : Value();
      if (!value)
        return body.emitError("expects every argument of an entry to be a "
                              "slot of the frame, but argument ")
               << argument.getArgNumber() << " is "
               << (role ? role.getValue() : StringRef("none"));
      arguments.push_back(value);
    }
    func::CallOp::create(b, body, arguments);
    return success();
  }

  /// Below here functions are just functions.
  static void dropRoles(func::FuncOp function) {
    function->removeAttr(tok::kKindAttrName);
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      function.removeArgAttr(i, tok::kSlotAttrName);
  }

  void readPageBytes(FrameReader &reader) {
    auto program =
        getOperation()->getAttrOfType<DictionaryAttr>(tok::kProgramAttrName);
    auto caches = program ? program.getAs<ArrayAttr>("caches") : ArrayAttr();
    if (!caches)
      return;
    for (auto cache : caches.getAsRange<DictionaryAttr>())
      reader.pageBytes[cache.getAs<StringAttr>("name").getValue()] =
          cache.getAs<IntegerAttr>("page_bytes").getInt();
  }
};

} // namespace
