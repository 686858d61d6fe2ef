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

/// The ops that make `%o` of `value` and the weight `%w`.
static std::string normOf(const std::string &value, int64_t columns,
                          bool isWeighted) {
  std::string summed = isWeighted ? "%p" : "%q";
  return "%q = arith.mulf " + value + ", " + value +
         " : f32\n%p = arith.mulf %q, %w : f32\n%t = tok.reduce_row " + summed +
         "\n%n = arith.constant " + std::to_string(columns) + R"mlir(.0 : f32
    %eps = arith.constant 1.0e-5 : f32
    %m = arith.divf %t, %n : f32
    %v = arith.addf %m, %eps : f32
    %d = math.sqrt %v : f32
    %u = arith.divf )mlir" +
         value + ", %d : f32\n%o = arith.mulf %u, %w : f32\n";
}

/// A weight of `columns` numbers, and the head of the function that reads it.
static std::string headOf(int64_t columns, const std::string &arguments) {
  return "tok.weight @w : tensor<" + std::to_string(columns) +
         "xf32> = source \"weights\" at [0]\nfunc.func @f(" + arguments +
         ", %b: index, %e: index) {\n"
         "tok.kernel \"rowwise\" rows(%b to %e) weights [@w] ";
}

std::string test::residualNorm(int64_t columns, const char *in, const char *out,
                               bool isWeighted) {
  std::string x = memref(columns, in), y = memref(columns, out);
  return headOf(columns, "%x: " + x + ", %r: " + x + ", %y: " + y) +
         "ins(%x, %r : " + x + ", " + x + ") outs(%x, %y : " + x + ", " + y +
         ") {columns = " + std::to_string(columns) + R"mlir(} prologue {
    ^bb0(%a: f32, %c: f32, %w: f32):
    %s = arith.addf %a, %c : f32
)mlir" + normOf("%s", columns, isWeighted) +
         "tok.yield %s, %o : f32, f32\n}\nreturn\n}\n";
}

std::string test::headNorm(int64_t columns, int64_t size, const char *in,
                           bool isWeighted) {
  std::string x = memref(columns, in), y = memref(columns, "f32");
  return headOf(size, "%x: " + x + ", %y: " + y) + "ins(%x : " + x +
         ") outs(%y : " + y + ") {columns = " + std::to_string(columns) +
         ", group = " + std::to_string(size) +
         "} prologue {\n^bb0(%a: f32, %w: f32):\n" +
         normOf("%a", size, isWeighted) + "tok.yield %o : f32\n}\nreturn\n}\n";
}
