//===----------------------------------------------------------------------===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/lib/Kernels/CudaNorm.h"

using namespace tokopt;

static std::string memref(int64_t columns, const char *element) {
  return "memref<?x" + std::to_string(columns) + "x" + element + ">";
}

std::string test::residualNorm(int64_t columns, const char *in,
                               const char *out) {
  std::string x = memref(columns, in), y = memref(columns, out),
              count = std::to_string(columns);
  return "tok.weight @w : tensor<" + count +
         "xf32> = source \"weights\" at [0]\n"
         "func.func @f(%x: " +
         x + ", %r: " + x + ", %y: " + y +
         ", %b: index, %e: index) {\n"
         "tok.kernel \"rowwise\" rows(%b to %e) weights [@w] ins(%x, %r : " +
         x + ", " + x + ") outs(%x, %y : " + x + ", " + y +
         ") {columns = " + count +
         "} prologue {\n"
         R"mlir(
    ^bb0(%a: f32, %c: f32, %w: f32):
      %s = arith.addf %a, %c : f32
      %q = arith.mulf %s, %s : f32
      %t = tok.reduce_row %q
      %n = arith.constant )mlir" +
         count + R"mlir(.0 : f32
      %eps = arith.constant 1.0e-5 : f32
      %m = arith.divf %t, %n : f32
      %v = arith.addf %m, %eps : f32
      %d = math.sqrt %v : f32
      %u = arith.divf %s, %d : f32
      %o = arith.mulf %u, %w : f32
      tok.yield %s, %o : f32, f32
    }
    return
  })mlir";
}
