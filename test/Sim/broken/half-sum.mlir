// RUN: not tokopt-sim %s | FileCheck %s
// The exchange of a sum begins with the lane 8 away: two halves of a warp never meet.

func.func @sum(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<32xf32>, fill = "uniform"}},
               %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<32xf32>}})
    attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {reference = @expected, tolerance = 1.0e-5}} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %first = arith.constant 8 : i32
  %c31 = arith.constant 31 : i32
  %c5 = arith.constant 5 : i32
  %all = arith.constant -1 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %from = llvm.getelementptr %x[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  %value = llvm.load %from : !llvm.ptr<1> -> f32
  %c4 = arith.constant 4 : i32
  %sum, %mask = scf.for %i = %c0 to %c4 step %c1 iter_args(%s = %value, %m = %first) -> (f32, i32) : i32 {
    %other = nvvm.shfl.sync bfly %all, %s, %m, %c31 : f32 -> f32
    %next = arith.addf %s, %other : f32
    %half = arith.shrui %m, %c1 : i32
    scf.yield %next, %half : f32, i32
  }
  %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  // CHECK: sum: error: wrong result: y[0] is {{.*}}, but the reference gives {{.*}} (and 31 more)
  // CHECK-NEXT: [[#@LINE+1]]: note: store of 4 bytes by block (0, 0, 0) thread 0
  llvm.store %sum, %to : f32, !llvm.ptr<1>
  return
}

func.func @expected(%x: memref<32xf32>, %y: memref<32xf32>) {
  %zero = arith.constant 0.0 : f32
  %sum = affine.for %i = 0 to 32 iter_args(%s = %zero) -> (f32) {
    %value = affine.load %x[%i] : memref<32xf32>
    %next = arith.addf %s, %value : f32
    affine.yield %next : f32
  }
  affine.for %i = 0 to 32 {
    affine.store %sum, %y[%i] : memref<32xf32>
  }
  return
}
