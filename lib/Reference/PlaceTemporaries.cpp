//===- PlaceTemporaries.cpp - From allocations to the workspace -----------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A bundle has no allocator: the runtime hands each step one workspace, whose
// size is linear in the rows that it may have. The only run-time size of a
// temporary is a number of rows of the step, so places can be computed here.
//
//===----------------------------------------------------------------------===//

#include "Passes.h"

#include "dialects/Tok/TokDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/MathExtras.h"

namespace tokopt::reference {
#define GEN_PASS_DEF_PLACETEMPORARIESPASS
#include "lib/Reference/Passes.h.inc"
} // namespace tokopt::reference

using namespace mlir;
using namespace tokopt;

/// Every place starts at a multiple of this.
static constexpr int64_t kAlignment = 64;
/// Static temporaries up to this size go to the stack. There they can alias
/// nothing else, which is what lets the sums of an inner loop stay in
/// registers.
static constexpr int64_t kStackBytes = 4096;
static constexpr int64_t kMostBytes = int64_t(1) << 48;

namespace {

/// A size or a place: `fixed + row * capacity`.
struct Extent {
  int64_t fixed = 0, row = 0;
};

/// What is known of a function.
struct FunctionInfo {
  /// Where its own places begin, and where they end.
  Extent begin, end;
  SmallVector<std::pair<memref::AllocOp, Extent>> places;
  Value workspace, capacity;
};

struct PlaceTemporariesPass
    : reference::impl::PlaceTemporariesPassBase<PlaceTemporariesPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<func::FuncOp> order;
    if (failed(sortCallersFirst(module, order)))
      return signalPassFailure();
    llvm::MapVector<func::FuncOp, FunctionInfo> functions;
    for (func::FuncOp function : order)
      functions[function];

    Extent total;
    for (auto &[function, info] : functions) {
      if (failed(assign(function, info)))
        return signalPassFailure();
      total.fixed = std::max(total.fixed, info.end.fixed);
      total.row = std::max(total.row, info.end.row);
      function.walk([&](func::CallOp call) {
        auto callee = module.lookupSymbol<func::FuncOp>(call.getCallee());
        auto found = functions.find(callee);
        if (found == functions.end())
          return;
        Extent &begin = found->second.begin;
        begin.fixed = std::max(begin.fixed, info.end.fixed);
        begin.row = std::max(begin.row, info.end.row);
      });
    }
    for (auto &[function, info] : functions)
      addArguments(function, info);
    for (auto &[function, info] : functions) {
      replace(info);
      function.walk([&](func::CallOp call) {
        if (functions.contains(
                module.lookupSymbol<func::FuncOp>(call.getCallee())))
          call.getOperandsMutable().append({info.workspace, info.capacity});
      });
    }
    describe(module, total);
  }

private:
  /// The functions with a body, each before those that it calls.
  static LogicalResult sortCallersFirst(ModuleOp module,
                                        SmallVectorImpl<func::FuncOp> &order) {
    enum State { Unseen, Active, Done };
    DenseMap<Operation *, State> states;
    std::function<LogicalResult(func::FuncOp)> visit =
        [&](func::FuncOp function) -> LogicalResult {
      if (function.isExternal() || states[function] == Done)
        return success();
      if (states[function] == Active)
        return function.emitError(
            "calls itself; expects functions without "
            "recursion, whose temporaries have one place");
      states[function] = Active;
      WalkResult result = function.walk([&](func::CallOp call) {
        auto callee = module.lookupSymbol<func::FuncOp>(call.getCallee());
        return callee && failed(visit(callee)) ? WalkResult::interrupt()
                                               : WalkResult::advance();
      });
      states[function] = Done;
      order.push_back(function);
      return failure(result.wasInterrupted());
    };
    for (auto function : module.getOps<func::FuncOp>())
      if (failed(visit(function)))
        return failure();
    std::reverse(order.begin(), order.end());
    return success();
  }

  /// Finds places for the allocations of `function`.
  static LogicalResult assign(func::FuncOp function, FunctionInfo &info) {
    info.end = info.begin;
    WalkResult result = function.walk([&](memref::AllocOp alloc) -> WalkResult {
      MemRefType type = alloc.getType();
      if (!type.getLayout().isIdentity() || type.getNumDynamicDims() > 1 ||
          (type.getNumDynamicDims() == 1 && type.getRank() > 3))
        return alloc.emitOpError(
                   "expects a temporary whose only run-time size is a number "
                   "of rows, but got ")
               << type << "; a cache that is not updated in place looks so";
      int64_t bytes = type.getElementTypeBitWidth() / 8;
      for (int64_t size : type.getShape())
        if (!ShapedType::isDynamic(size) &&
            (llvm::MulOverflow(bytes, size, bytes) || bytes > kMostBytes))
          return alloc.emitOpError("expects at most 2^48 bytes, but got ")
                 << type;
      if (type.hasStaticShape() && bytes <= kStackBytes)
        bytes = 0;
      info.places.push_back({alloc, info.end});
      int64_t &end = type.hasStaticShape() ? info.end.fixed : info.end.row;
      end += llvm::alignTo(bytes, kAlignment);
      if (end > kMostBytes)
        return alloc.emitOpError("expects temporaries of at most 2^48 bytes");
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }

  static void addArguments(func::FuncOp function, FunctionInfo &info) {
    Builder b(function.getContext());
    auto add = [&](Type type, StringRef slot) {
      unsigned index = function.getNumArguments();
      auto attributes = b.getDictionaryAttr(
          b.getNamedAttr(tok::kSlotAttrName, b.getStringAttr(slot)));
      (void)function.insertArgument(index, type, attributes, function.getLoc());
      return function.getArgument(index);
    };
    info.workspace = add(MemRefType::get({ShapedType::kDynamic}, b.getI8Type()),
                         "workspace");
    info.capacity = add(b.getIndexType(), "capacity");
    separateFromWeights(function, info);
  }

  /// Says that the workspace is no part of the weights, the only other bytes
  /// that a function gets. Without it every store of a decoded weight could
  /// change the bytes that the next is decoded from.
  static void separateFromWeights(func::FuncOp function, FunctionInfo &info) {
    auto weights =
        llvm::find_if(function.getArguments(), [](BlockArgument argument) {
          auto type = dyn_cast<MemRefType>(argument.getType());
          return type && type.getRank() == 1 &&
                 type.getElementType().isInteger(8);
        });
    if (*weights == info.workspace)
      return;
    OpBuilder b(function.getContext());
    b.setInsertionPointToStart(&function.getBody().front());
    auto apart = memref::DistinctObjectsOp::create(
        b, function.getLoc(), ValueRange{*weights, info.workspace});
    for (auto [whole, part] :
         llvm::zip_equal(apart.getOperands(), apart.getResults()))
      whole.replaceAllUsesExcept(part, apart);
    info.workspace = apart.getResult(1);
  }

  static void replace(FunctionInfo &info) {
    for (auto &[alloc, place] : info.places) {
      MemRefType type = alloc.getType();
      ImplicitLocOpBuilder b(alloc.getLoc(), alloc);
      int64_t bytes = type.getElementTypeBitWidth() / 8;
      for (int64_t size : type.getShape())
        bytes *= ShapedType::isDynamic(size) ? 1 : size;
      Value value;
      if (type.hasStaticShape() && bytes <= kStackBytes) {
        // In the entry block, so that a loop does not make the stack grow.
        b.setInsertionPointToStart(
            &alloc->getParentOfType<func::FuncOp>().getBody().front());
        value = memref::AllocaOp::create(b, type, b.getI64IntegerAttr(64));
      } else {
        Value row = arith::ConstantIndexOp::create(b, place.row);
        Value offset = arith::MulIOp::create(b, info.capacity, row);
        Value fixed = arith::ConstantIndexOp::create(b, place.fixed);
        offset = arith::AddIOp::create(b, offset, fixed);
        value = memref::ViewOp::create(b, type, info.workspace, offset,
                                       alloc.getDynamicSizes());
      }
      alloc.replaceAllUsesWith(value);
      alloc.erase();
    }
  }

  static void describe(ModuleOp module, Extent total) {
    Builder b(module.getContext());
    NamedAttrList program;
    if (auto known =
            module->getAttrOfType<DictionaryAttr>(tok::kProgramAttrName))
      program = known;
    program.set("row_bytes", b.getI64IntegerAttr(total.row));
    program.set("fixed_bytes", b.getI64IntegerAttr(total.fixed));
    module->setAttr(tok::kProgramAttrName,
                    program.getDictionary(module.getContext()));
  }
};

} // namespace
