//===- Emulate.cpp - Dot products in plain arithmetic ---------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Wide vectors legalize to narrower ones by themselves; what ties code to a CPU
// are the intrinsics. With those spelled out, kernels that were generated for
// AVX-512 VNNI run, slowly, wherever AVX2 does, and their results can be tested
// there.
//
//===----------------------------------------------------------------------===//

#include "tokopt/Target.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Builders.h"

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

void tokopt::emulateIntrinsics(ModuleOp module) {
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
