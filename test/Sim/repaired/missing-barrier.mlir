// RUN: tokopt-sim %s --check=all | FileCheck %s
// A barrier orders the writes of all warps before the reads.

// CHECK: reverse: clean for sm_80

llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>

func.func @reverse(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<128xf32>, fill = "uniform"}},
                   %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<128xf32>}})
    attributes {tok.launch = {threads = 64, shared = 256},
                tok.sim = {grid = [2], reference = @expected}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %c64 = arith.constant 64 : i32
  %c63 = arith.constant 63 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %first = arith.muli %block, %c64 : i32
  %index = arith.addi %first, %thread : i32
  %from = llvm.getelementptr %x[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  %value = llvm.load %from : !llvm.ptr<1> -> f32
  %mine = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
  llvm.store %value, %mine : f32, !llvm.ptr<3>
  nvvm.barrier0
  %last = arith.subi %c63, %thread : i32
  %theirs = llvm.getelementptr %shared[%last] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
  %other = llvm.load %theirs : !llvm.ptr<3> -> f32
  %to = llvm.getelementptr %y[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  llvm.store %other, %to : f32, !llvm.ptr<1>
  return
}

func.func @expected(%x: memref<2x64xf32>, %y: memref<2x64xf32>) {
  affine.for %b = 0 to 2 {
    affine.for %i = 0 to 64 {
      %value = affine.load %x[%b, 63 - %i] : memref<2x64xf32>
      affine.store %value, %y[%b, %i] : memref<2x64xf32>
    }
  }
  return
}
