// RUN: not tokopt-sim %s | FileCheck %s
// The mask of the last columns lets one in that is not of the row.

func.func @sum(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<4x32xf32>, fill = "uniform"}},
               %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<4xf32>}})
    attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {grid = [4], reference = @expected, tolerance = 1.0e-5}} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c16 = arith.constant 16 : i32
  %c31 = arith.constant 31 : i32
  %c32 = arith.constant 32 : i32
  %columns = arith.constant 27 : i32
  %all = arith.constant -1 : i32
  %zero = arith.constant 0.0 : f32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %row = arith.muli %block, %c32 : i32
  %index = arith.addi %row, %thread : i32
  %from = llvm.getelementptr %x[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  %loaded = llvm.load %from : !llvm.ptr<1> -> f32
  %isInside = arith.cmpi sle, %thread, %columns : i32
  %value = arith.select %isInside, %loaded, %zero : f32
  %c5 = arith.constant 5 : i32
  %sum, %last = scf.for %i = %c0 to %c5 step %c1 iter_args(%s = %value, %mask = %c16) -> (f32, i32) : i32 {
    %other = nvvm.shfl.sync bfly %all, %s, %mask, %c31 : f32 -> f32
    %next = arith.addf %s, %other : f32
    %half = arith.shrui %mask, %c1 : i32
    scf.yield %next, %half : f32, i32
  }
  %isFirst = arith.cmpi eq, %thread, %c0 : i32
  scf.if %isFirst {
    %to = llvm.getelementptr %y[%block] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    // CHECK: sum: error: wrong result: y[0] is {{.*}}, but the reference gives {{.*}} (and 3 more)
    // CHECK-NEXT: [[#@LINE+1]]: note: store of 4 bytes by block (0, 0, 0) thread 0
    llvm.store %sum, %to : f32, !llvm.ptr<1>
  }
  return
}

func.func @expected(%x: memref<4x32xf32>, %y: memref<4xf32>) {
  %zero = arith.constant 0.0 : f32
  affine.for %b = 0 to 4 {
    %sum = affine.for %i = 0 to 27 iter_args(%s = %zero) -> (f32) {
      %value = affine.load %x[%b, %i] : memref<4x32xf32>
      %next = arith.addf %s, %value : f32
      affine.yield %next : f32
    }
    affine.store %sum, %y[%b] : memref<4xf32>
  }
  return
}
