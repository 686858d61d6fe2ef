// RUN: not tokopt-sim %s | FileCheck %s
// Blocks are 64 elements apart, but the index counts 32.

func.func @double(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<128xf32>, fill = "uniform"}},
                  %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<128xf32>}})
    attributes {tok.launch = {threads = 64, shared = 0},
                tok.sim = {grid = [2], reference = @expected, tolerance = 1.0e-6}} {
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %c64 = arith.constant 64 : i32
  %distance = arith.constant 32 : i32
  %offset = arith.muli %block, %distance : i32
  %read = arith.addi %offset, %thread : i32
  %first = arith.muli %block, %c64 : i32
  %index = arith.addi %first, %thread : i32
  %from = llvm.getelementptr %x[%read] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  %value = llvm.load %from : !llvm.ptr<1> -> f32
  %twice = arith.addf %value, %value : f32
  %to = llvm.getelementptr %y[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  // CHECK: double: error: wrong result: y[64] is {{.*}}, but the reference gives {{.*}} (and 63 more)
  // CHECK-NEXT: [[#@LINE+1]]: note: store of 4 bytes by block (1, 0, 0) thread 0
  llvm.store %twice, %to : f32, !llvm.ptr<1>
  return
}

func.func @expected(%x: memref<128xf32>, %y: memref<128xf32>) {
  affine.for %i = 0 to 128 {
    %value = affine.load %x[%i] : memref<128xf32>
    %twice = arith.addf %value, %value : f32
    affine.store %twice, %y[%i] : memref<128xf32>
  }
  return
}
