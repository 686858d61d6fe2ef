//===- Emulate.cpp - Products of bytes in plain arithmetic ----------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Wide vectors legalize to narrower ones by themselves; what ties code to a CPU
// are the intrinsics. With those spelled out, kernels that were generated for
// AVX-512 VNNI or AMX run, slowly, wherever AVX2 does, and their results can be
// tested there.
//
//===----------------------------------------------------------------------===//

#include "tokopt/Target.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;

/// sum + u8(a)[4i..4i+3] . s8(b)[4i..4i+3], lane i: the definition of
/// `vpdpbusd`. Bytes are shifted out of the lanes where they lie; shuffled out
/// of a vector of all of them they keep the code generator busy.
static Value emulateDot(OpBuilder &builder, Location loc, Value sum, Value a,
                        Value b) {
  Type lanes = sum.getType();
  Value x = vector::BitCastOp::create(builder, loc, lanes, a);
  Value y = vector::BitCastOp::create(builder, loc, lanes, b);
  auto constant = [&](int32_t value) -> Value {
    return arith::ConstantOp::create(
        builder, loc, DenseElementsAttr::get(cast<VectorType>(lanes), value));
  };
  for (int32_t byte = 0; byte < 4; ++byte) {
    Value ofX = arith::ShRUIOp::create(builder, loc, x, constant(8 * byte));
    ofX = arith::AndIOp::create(builder, loc, ofX, constant(255));
    Value ofY = arith::ShLIOp::create(builder, loc, y, constant(24 - 8 * byte));
    ofY = arith::ShRSIOp::create(builder, loc, ofY, constant(24));
    Value product = arith::MulIOp::create(builder, loc, ofX, ofY);
    sum = arith::AddIOp::create(builder, loc, sum, product);
  }
  return sum;
}

/// The intrinsic that makes `value`, if it is called so.
static LLVM::CallIntrinsicOp definedBy(Value value, StringRef intrinsic) {
  auto call = value.getDefiningOp<LLVM::CallIntrinsicOp>();
  return call && call.getIntrin() == intrinsic ? call : nullptr;
}

/// A tile of i32 in plain arithmetic: an array of its lines, since one vector
/// of all its elements would keep the code generator busy for minutes.
static Type tileType(MLIRContext *context) {
  auto line = VectorType::get(16, IntegerType::get(context, 32));
  return LLVM::LLVMArrayType::get(line, 16);
}

/// Bytes from one line of a tile to the next where it is whole.
static constexpr int64_t kLineBytes = 64;

/// Memory for a tile in the frame of the function around `op`.
static Value allocateTile(Operation *op) {
  auto function = op->getParentOfType<FunctionOpInterface>();
  auto builder = OpBuilder::atBlockBegin(&function.getFunctionBody().front());
  Value one = arith::ConstantIntOp::create(builder, op->getLoc(),
                                           builder.getI64Type(), 1);
  return LLVM::AllocaOp::create(
      builder, op->getLoc(), LLVM::LLVMPointerType::get(op->getContext()),
      tileType(op->getContext()), one, /*alignment=*/kLineBytes);
}

/// Line `row` of a tile in memory, then `more` bytes on.
static Value lineAddress(OpBuilder &builder, Location loc, Value base,
                         Value stride, Value row, int64_t more = 0) {
  Value bytes = arith::MulIOp::create(builder, loc, row, stride);
  if (more)
    bytes = arith::AddIOp::create(
        builder, loc, bytes,
        arith::ConstantIntOp::create(builder, loc, builder.getI64Type(), more));
  return LLVM::GEPOp::create(builder, loc, base.getType(), builder.getI8Type(),
                             base, bytes);
}

/// Calls `body` with each of the first `rows` (an i16) lines of a tile.
static void forLines(OpBuilder &builder, Location loc, Value rows,
                     function_ref<void(OpBuilder &builder, Value row)> body) {
  Type i64 = builder.getI64Type();
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIntOp::create(builder, loc, i64, value);
  };
  Value count = arith::ExtUIOp::create(builder, loc, i64, rows);
  auto loop = scf::ForOp::create(builder, loc, constant(0), count, constant(1));
  auto inner = OpBuilder::atBlockBegin(loop.getBody());
  body(inner, loop.getInductionVar());
}

/// Whether `product` is `zero + x * w` for tiles that are loaded from memory.
static bool multipliesLoaded(LLVM::CallIntrinsicOp product) {
  OperandRange factors = product.getArgs().drop_front(3);
  auto w = definedBy(factors[2], "llvm.x86.tileloadd64.internal");
  return definedBy(factors[0], "llvm.x86.tilezero.internal") &&
         definedBy(factors[1], "llvm.x86.tileloadd64.internal") && w &&
         matchPattern(w.getArgs()[0], m_Constant());
}

/// The definition of `tdpbsud`, row by row.
static void emulateProduct(LLVM::CallIntrinsicOp product) {
  OperandRange factors = product.getArgs().drop_front(3);
  auto x = factors[1].getDefiningOp<LLVM::CallIntrinsicOp>();
  auto w = factors[2].getDefiningOp<LLVM::CallIntrinsicOp>();
  APInt lines;
  matchPattern(w.getArgs()[0], m_ConstantInt(&lines));
  Value tile = allocateTile(product);
  OpBuilder builder(product);
  Location loc = product.getLoc();
  Type i64 = builder.getI64Type(), i32 = builder.getI32Type();
  auto words = VectorType::get(16, i32);
  auto bytes = VectorType::get(kLineBytes, builder.getI8Type());
  forLines(
      builder, loc, product.getArgs()[0], [&](OpBuilder &builder, Value row) {
        auto constant = [&](int64_t value) -> Value {
          return arith::ConstantIntOp::create(builder, loc, i64, value);
        };
        Value sum = arith::ConstantOp::create(
            builder, loc, DenseElementsAttr::get(words, int32_t(0)));
        for (int64_t line = 0; line < lines.getSExtValue(); ++line) {
          Value four =
              LLVM::LoadOp::create(builder, loc, i32,
                                   lineAddress(builder, loc, x.getArgs()[2],
                                               x.getArgs()[3], row, 4 * line),
                                   /*alignment=*/1);
          Value inputs = vector::BroadcastOp::create(builder, loc, words, four);
          inputs = vector::BitCastOp::create(builder, loc, bytes, inputs);
          Value weights =
              LLVM::LoadOp::create(builder, loc, bytes,
                                   lineAddress(builder, loc, w.getArgs()[2],
                                               w.getArgs()[3], constant(line)),
                                   /*alignment=*/1);
          sum = emulateDot(builder, loc, sum, weights, inputs);
        }
        LLVM::StoreOp::create(
            builder, loc, sum,
            lineAddress(builder, loc, tile, constant(kLineBytes), row));
      });
  Value result =
      LLVM::LoadOp::create(builder, loc, tileType(builder.getContext()), tile);
  product.getResult(0).replaceAllUsesWith(result);
  product.erase();
}

/// The definition of `tilestored`.
static void emulateStore(LLVM::CallIntrinsicOp store) {
  Value tile = allocateTile(store);
  OpBuilder builder(store);
  Location loc = store.getLoc();
  auto words = VectorType::get(16, builder.getI32Type());
  LLVM::StoreOp::create(builder, loc, store.getArgs()[4], tile);
  forLines(
      builder, loc, store.getArgs()[0], [&](OpBuilder &builder, Value row) {
        Value stride = arith::ConstantIntOp::create(
            builder, loc, builder.getI64Type(), kLineBytes);
        Value line = LLVM::LoadOp::create(
            builder, loc, words, lineAddress(builder, loc, tile, stride, row));
        LLVM::StoreOp::create(builder, loc, line,
                              lineAddress(builder, loc, store.getArgs()[2],
                                          store.getArgs()[3], row),
                              /*alignment=*/1);
      });
  store.erase();
}

/// Spells out products of tiles that are loaded from memory, and stores of
/// them. If there is anything else all is left alone, and then the compilation
/// for a lesser level says which intrinsic is in its way.
static void emulateTiles(ModuleOp module) {
  SmallVector<LLVM::CallIntrinsicOp> products, stores, others;
  module.walk([&](LLVM::CallIntrinsicOp call) {
    if (call.getIntrin() == "llvm.x86.tdpbsud.internal")
      products.push_back(call);
    else if (call.getIntrin() == "llvm.x86.tilestored64.internal")
      stores.push_back(call);
    else if (call.getIntrin().starts_with("llvm.x86.t"))
      others.push_back(call);
  });
  auto storesProduct = [](LLVM::CallIntrinsicOp store) {
    Value tile = store.getArgs()[4];
    return !tile.getDefiningOp<LLVM::CallIntrinsicOp>() ||
           definedBy(tile, "llvm.x86.tdpbsud.internal");
  };
  if (!llvm::all_of(products, multipliesLoaded) ||
      !llvm::all_of(stores, storesProduct))
    return;
  for (LLVM::CallIntrinsicOp product : products)
    emulateProduct(product);
  for (LLVM::CallIntrinsicOp store : stores)
    emulateStore(store);
  for (LLVM::CallIntrinsicOp other : llvm::reverse(others))
    if (other.use_empty())
      other.erase();
  // Loops that carry tiles.
  auto convert = [](Value value) {
    if (isa<LLVM::LLVMX86AMXType>(value.getType()))
      value.setType(tileType(value.getContext()));
  };
  module.walk([&](scf::ForOp loop) {
    llvm::for_each(loop.getRegionIterArgs(), convert);
    llvm::for_each(loop.getResults(), convert);
  });
}

void tokopt::emulateIntrinsics(ModuleOp module) {
  emulateTiles(module);
  SmallVector<LLVM::CallIntrinsicOp> calls;
  module.walk([&](LLVM::CallIntrinsicOp call) {
    if (call.getIntrin() == "llvm.x86.avx512.vpdpbusd.512")
      calls.push_back(call);
  });
  for (LLVM::CallIntrinsicOp call : calls) {
    OpBuilder builder(call);
    ValueRange operands = call.getArgs();
    Value result = emulateDot(builder, call.getLoc(), operands[0], operands[1],
                              operands[2]);
    call.getResult(0).replaceAllUsesWith(result);
    call.erase();
  }
}
