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

void cpu::multiplyTiles(Emitter &e, Val x, int64_t rowBytes,
                        ArrayRef<Val> weights, int64_t columns,
                        ArrayRef<Val> outs) {
  Type tile = LLVM::LLVMX86AMXType::get(e.builder.getContext());
  auto size = [&](int64_t value) { return e.constant(value, e.i16()); };
  Val rows = size(kTileRows), lines = size(columns / 4), depth = size(columns),
      width = size(64);
  Val inputs = e.call("llvm.x86.tileloadd64.internal", tile,
                      {rows, depth, x, e.i64(rowBytes)});
  Vals sums;
  for (Val lineOf : weights) {
    Val zero = e.call("llvm.x86.tilezero.internal", tile, {rows, width});
    Val loaded = e.call("llvm.x86.tileloadd64.internal", tile,
                        {lines, width, lineOf, e.i64(64)});
    sums.push_back(e.call("llvm.x86.tdpbsud.internal", tile,
                          {rows, width, depth, zero, inputs, loaded}));
  }
  for (auto [out, sum] : llvm::zip_equal(outs, sums))
    e.callVoid("llvm.x86.tilestored64.internal",
               {rows, width, out, e.i64(64), sum});
}
