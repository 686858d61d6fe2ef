//===- ExpandProbes.cpp - Call the runtime's hook -------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Only worker 0 runs the functions of the reference backend, one op after the
// other, so a value is complete where its probe stands.
//
// Contract: exact.
//
//===----------------------------------------------------------------------===//

#include "Passes.h"

#include "dialects/Tok/TokOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/MapVector.h"

namespace tokopt::reference {
#define GEN_PASS_DEF_EXPANDPROBESPASS
#include "lib/Reference/Passes.h.inc"
} // namespace tokopt::reference

using namespace mlir;
using namespace tokopt;

namespace {

/// The arguments of a function that are the frame's slots of the same name.
struct Hook {
  Value instrument, data;
};

/// Where a value stands: the address of its first row, how many rows it has,
/// and how many bytes they are apart. All i64 but the address.
struct Place {
  Value address, rows, rowBytes;
};

struct ExpandProbesPass
    : reference::impl::ExpandProbesPassBase<ExpandProbesPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    llvm::MapVector<func::FuncOp, Hook> functions;
    module.walk([&](tok::ProbeOp probe) {
      functions[probe->getParentOfType<func::FuncOp>()];
    });
    // Whoever calls one of them hands the hook on.
    auto callee = [&](func::CallOp call) {
      return functions.find(
          module.lookupSymbol<func::FuncOp>(call.getCallee()));
    };
    size_t before = 0;
    while (before != functions.size()) {
      before = functions.size();
      module.walk([&](func::CallOp call) {
        if (callee(call) != functions.end())
          functions[call->getParentOfType<func::FuncOp>()];
      });
    }
    for (auto &[function, hook] : functions)
      hook = {addArgument(function, "instrument"),
              addArgument(function, "instrument_data")};
    for (auto &[function, hook] : functions)
      function.walk([&, &hook = hook](func::CallOp call) {
        if (callee(call) != functions.end())
          call.getOperandsMutable().append({hook.instrument, hook.data});
      });
    WalkResult result = module.walk([&](tok::ProbeOp probe) {
      return WalkResult(
          expand(probe, functions[probe->getParentOfType<func::FuncOp>()]));
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

private:
  static Value addArgument(func::FuncOp function, StringRef slot) {
    Builder b(function.getContext());
    unsigned index = function.getNumArguments();
    auto attributes = b.getDictionaryAttr(
        b.getNamedAttr(tok::kSlotAttrName, b.getStringAttr(slot)));
    (void)function.insertArgument(index, b.getIndexType(), attributes,
                                  function.getLoc());
    return function.getArgument(index);
  }

  /// Whether the elements of a row follow each other.
  static bool hasDenseRows(MemRefType type) {
    SmallVector<int64_t> strides;
    int64_t offset, distance = 1;
    if (failed(type.getStridesAndOffset(strides, offset)))
      return false;
    for (int64_t i = type.getRank() - 1; i > 0; --i) {
      if (strides[i] != distance)
        return false;
      distance *= type.getDimSize(i);
    }
    return true;
  }

  static LogicalResult expand(tok::ProbeOp probe, Hook hook) {
    auto type = probe.getValue()
                    ? dyn_cast<MemRefType>(probe.getValue().getType())
                    : MemRefType();
    if (probe.getRowBegin() ||
        (probe.getValue() && (!type || !hasDenseRows(type))))
      return probe.emitOpError("expects all rows of a buffer whose rows are "
                               "dense; run tok-bufferize-model first");
    ImplicitLocOpBuilder b(probe.getLoc(), probe);
    Type i64 = b.getI64Type();
    auto pointer = LLVM::LLVMPointerType::get(b.getContext());
    Value none = arith::ConstantIndexOp::create(b, 0);
    Value isHeard = arith::CmpIOp::create(b, arith::CmpIPredicate::ne,
                                          hook.instrument, none);
    auto choice = scf::IfOp::create(b, isHeard, /*withElseRegion=*/false);
    b.setInsertionPointToStart(choice.thenBlock());
    auto toI64 = [&](Value index) -> Value {
      return arith::IndexCastOp::create(b, i64, index);
    };
    auto toPointer = [&](Value index) -> Value {
      return LLVM::IntToPtrOp::create(b, pointer, toI64(index));
    };
    auto constant = [&](int64_t value) -> Value {
      return arith::ConstantOp::create(b, b.getI64IntegerAttr(value));
    };
    Value called = toPointer(hook.instrument), data = toPointer(hook.data);
    Place place;
    if (type) {
      int64_t bytes = type.getElementTypeBitWidth() / 8;
      auto parts =
          memref::ExtractStridedMetadataOp::create(b, probe.getValue());
      Value base =
          memref::ExtractAlignedPointerAsIndexOp::create(b, probe.getValue());
      Value size = arith::ConstantIndexOp::create(b, bytes);
      Value offset = arith::MulIOp::create(b, parts.getOffset(), size);
      Value distance =
          arith::MulIOp::create(b, parts.getStrides().front(), size);
      place = {toPointer(arith::AddIOp::create(b, base, offset)),
               toI64(parts.getSizes().front()), toI64(distance)};
    } else {
      place = {LLVM::ZeroOp::create(b, pointer), constant(0), constant(0)};
    }
    auto signature = LLVM::LLVMFunctionType::get(
        LLVM::LLVMVoidType::get(b.getContext()),
        {pointer, i64, i64, i64, i64, pointer, i64});
    Value layer = probe.getLayer() ? toI64(probe.getLayer()) : constant(-1);
    LLVM::CallOp::create(b, signature,
                         ValueRange{called, data, constant(probe.getNumber()),
                                    layer, constant(0), place.rows,
                                    place.address, place.rowBytes});
    probe.erase();
    return success();
  }
};

} // namespace
