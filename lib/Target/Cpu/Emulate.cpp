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

using namespace mlir;

/// sum + u8(a)[4i..4i+3] . s8(b)[4i..4i+3], lane i: the definition of
/// `vpdpbusd`.
static Value emulateDot(OpBuilder &builder, Location loc, Value sum, Value a,
                        Value b) {
  auto lanes = cast<VectorType>(sum.getType());
  auto wide = VectorType::get(cast<VectorType>(a.getType()).getShape(),
                              builder.getI32Type());
  Value x = arith::ExtUIOp::create(builder, loc, wide, a);
  Value y = arith::ExtSIOp::create(builder, loc, wide, b);
  Value products = arith::MulIOp::create(builder, loc, x, y);
  for (int64_t k = 0; k < 4; ++k) {
    SmallVector<int64_t> every;
    for (int64_t lane = 0; lane < lanes.getNumElements(); ++lane)
      every.push_back(4 * lane + k);
    Value part =
        vector::ShuffleOp::create(builder, loc, products, products, every);
    sum = arith::AddIOp::create(builder, loc, sum, part);
  }
  return sum;
}

/// The intrinsic that makes `value`, if it is called so.
static LLVM::CallIntrinsicOp definedBy(Value value, StringRef intrinsic) {
  auto call = value.getDefiningOp<LLVM::CallIntrinsicOp>();
  return call && call.getIntrin() == intrinsic ? call : nullptr;
}

/// A store of `zero + x * w` for tiles that were loaded from memory, row by
/// row: the definition of `tdpbsud`. Anything else is left alone, and then the
/// compilation for a lesser level says which intrinsic is in its way.
static void emulateTiles(LLVM::CallIntrinsicOp store) {
  auto product = definedBy(store.getArgs()[4], "llvm.x86.tdpbsud.internal");
  if (!product)
    return;
  OperandRange factors = product.getArgs().drop_front(3);
  auto x = definedBy(factors[1], "llvm.x86.tileloadd64.internal");
  auto w = definedBy(factors[2], "llvm.x86.tileloadd64.internal");
  APInt lines;
  if (!x || !w || !definedBy(factors[0], "llvm.x86.tilezero.internal") ||
      !matchPattern(w.getArgs()[0], m_ConstantInt(&lines)))
    return;
  OpBuilder builder(store);
  Location loc = store.getLoc();
  Type i64 = builder.getI64Type(), i32 = builder.getI32Type();
  auto words = VectorType::get(16, i32);
  auto bytes = VectorType::get(64, builder.getI8Type());
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIntOp::create(builder, loc, i64, value);
  };
  // Line `row` of a tile in memory, then `more` bytes on.
  auto address = [&](Value base, Value stride, Value row, int64_t more) {
    Value bytes = arith::MulIOp::create(builder, loc, row, stride);
    bytes = arith::AddIOp::create(builder, loc, bytes, constant(more));
    return LLVM::GEPOp::create(builder, loc, base.getType(),
                               builder.getI8Type(), base, bytes)
        .getResult();
  };
  Value rows = arith::ExtUIOp::create(builder, loc, i64, store.getArgs()[0]);
  auto loop = scf::ForOp::create(builder, loc, constant(0), rows, constant(1));
  builder.setInsertionPointToStart(loop.getBody());
  Value row = loop.getInductionVar();
  Value sum = arith::ConstantOp::create(
      builder, loc, DenseElementsAttr::get(words, int32_t(0)));
  for (int64_t line = 0; line < lines.getSExtValue(); ++line) {
    Value four = LLVM::LoadOp::create(
        builder, loc, i32,
        address(x.getArgs()[2], x.getArgs()[3], row, 4 * line),
        /*alignment=*/1);
    Value inputs = vector::BroadcastOp::create(builder, loc, words, four);
    inputs = vector::BitCastOp::create(builder, loc, bytes, inputs);
    Value weights = LLVM::LoadOp::create(
        builder, loc, bytes,
        address(w.getArgs()[2], w.getArgs()[3], constant(line), 0),
        /*alignment=*/1);
    sum = emulateDot(builder, loc, sum, weights, inputs);
  }
  LLVM::StoreOp::create(builder, loc, sum,
                        address(store.getArgs()[2], store.getArgs()[3], row, 0),
                        /*alignment=*/1);
  store.erase();
}

void tokopt::emulateIntrinsics(ModuleOp module) {
  SmallVector<LLVM::CallIntrinsicOp> calls, stores, tiles;
  module.walk([&](LLVM::CallIntrinsicOp call) {
    if (call.getIntrin() == "llvm.x86.avx512.vpdpbusd.512")
      calls.push_back(call);
    else if (call.getIntrin() == "llvm.x86.tilestored64.internal")
      stores.push_back(call);
    else if (call.getIntrin().starts_with("llvm.x86.t"))
      tiles.push_back(call);
  });
  for (LLVM::CallIntrinsicOp store : stores)
    emulateTiles(store);
  for (LLVM::CallIntrinsicOp tile : llvm::reverse(tiles))
    if (tile.use_empty())
      tile.erase();
  for (LLVM::CallIntrinsicOp call : calls) {
    OpBuilder builder(call);
    ValueRange operands = call.getArgs();
    Value result = emulateDot(builder, call.getLoc(), operands[0], operands[1],
                              operands[2]);
    call.getResult(0).replaceAllUsesWith(result);
    call.erase();
  }
}
