// RUN: tokopt-sim %s | FileCheck %s
// All lanes come to the shuffle.

// CHECK: swap: clean for sm_80

func.func @swap(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<32xf32>, fill = "uniform"}},
                %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<32xf32>}})
    attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {reference = @expected}} {
  %c16 = arith.constant 16 : i32
  %c31 = arith.constant 31 : i32
  %all = arith.constant -1 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %from = llvm.getelementptr %x[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  %value = llvm.load %from : !llvm.ptr<1> -> f32
  %takesPart = arith.constant true
  scf.if %takesPart {
    %other = nvvm.shfl.sync bfly %all, %value, %c16, %c31 : f32 -> f32
    %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    llvm.store %other, %to : f32, !llvm.ptr<1>
  }
  return
}

func.func @expected(%x: memref<32xf32>, %y: memref<32xf32>) {
  affine.for %i = 0 to 32 {
    %value = affine.load %x[(%i + 16) mod 32] : memref<32xf32>
    affine.store %value, %y[%i] : memref<32xf32>
  }
  return
}
