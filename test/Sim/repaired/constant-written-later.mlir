// RUN: tokopt-sim %s | FileCheck %s
// The kernel writes to what it has loaded plainly.

// CHECK: shift: clean for sm_80

func.func @shift(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<64xi32>, fill = "ascending"}})
    attributes {tok.launch = {threads = 64, shared = 0}, tok.sim = {reference = @expected}} {
  %c1 = arith.constant 1 : i32
  %c63 = arith.constant 63 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %next = arith.addi %thread, %c1 : i32
  %inside = arith.minui %next, %c63 : i32
  %from = llvm.getelementptr %y[%inside] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  %a = llvm.load %from : !llvm.ptr<1> -> i32
  nvvm.barrier0
  %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %a, %to : i32, !llvm.ptr<1>
  return
}

func.func @expected(%y: memref<64xi32>) {
  %last = affine.load %y[63] : memref<64xi32>
  affine.for %i = 0 to 63 {
    %a = affine.load %y[%i + 1] : memref<64xi32>
    affine.store %a, %y[%i] : memref<64xi32>
  }
  affine.store %last, %y[63] : memref<64xi32>
  return
}
