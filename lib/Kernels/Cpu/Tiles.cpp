//===- Tiles.cpp - Products of matrix tiles -------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernels/Cpu/Tiles.h"

#include "mlir/Dialect/LLVMIR/LLVMTypes.h"

using namespace mlir;
using namespace tokopt;
using namespace tokopt::cpu;

Val cpu::multiplyTiles(Emitter &e, Val x, int64_t rowBytes, Val weights,
                       int64_t columns) {
  Type tile = LLVM::LLVMX86AMXType::get(e.builder.getContext());
  auto size = [&](int64_t value) { return e.constant(value, e.i16()); };
  Val rows = size(kTileRows), lines = size(columns / 4), depth = size(columns),
      width = size(64);
  Val inputs = e.call("llvm.x86.tileloadd64.internal", tile,
                      {rows, depth, x, e.i64(rowBytes)});
  Val loaded = e.call("llvm.x86.tileloadd64.internal", tile,
                      {lines, width, weights, e.i64(64)});
  Val zero = e.call("llvm.x86.tilezero.internal", tile, {rows, width});
  return e.call("llvm.x86.tdpbsud.internal", tile,
                {rows, width, depth, zero, inputs, loaded});
}

void cpu::storeTile(Emitter &e, Val sums, Val out) {
  auto size = [&](int64_t value) { return e.constant(value, e.i16()); };
  e.callVoid("llvm.x86.tilestored64.internal",
             {size(kTileRows), size(64), out, e.i64(64), sums});
}
