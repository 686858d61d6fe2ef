// RUN: tokopt-sim %s | FileCheck %s
// The second smallest number by -1 is the largest.

// CHECK: share: clean for sm_80

func.func @share(%n: i32 {tok.sim = {value = -1 : i32}},
                 %x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<1xi32>, fill = "zero"}},
                 %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<1xi32>}})
    attributes {tok.launch = {threads = 1, shared = 0}, tok.sim = {reference = @expected}} {
  %smallest = arith.constant -2147483647 : i32
  %zero = llvm.load %x : !llvm.ptr<1> -> i32
  %number = arith.addi %zero, %smallest : i32
  %a = arith.remsi %number, %n : i32
  llvm.store %a, %y : i32, !llvm.ptr<1>
  return
}

func.func @expected(%n: i32, %x: memref<1xi32>, %y: memref<1xi32>) {
  %c0 = arith.constant 0 : i32
  affine.store %c0, %y[0] : memref<1xi32>
  return
}
