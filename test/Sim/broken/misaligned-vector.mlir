// RUN: not tokopt-sim %s | FileCheck %s
// Sixteen bytes are loaded from an address that is a multiple of four.

func.func @copy(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<132xf32>, fill = "uniform"}},
                %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<128xf32>}})
    attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {reference = @expected}} {
  %skip = arith.constant 1 : i32
  %c4 = arith.constant 4 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %index = arith.muli %thread, %c4 : i32
  %source = arith.addi %index, %skip : i32
  %from = llvm.getelementptr %x[%source] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  // CHECK: [[#@LINE+1]]: error: misaligned: block (0, 0, 0) thread 0: load of 16 bytes at x + 4, not a multiple of 16
  %value = llvm.load %from {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
  %to = llvm.getelementptr %y[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  llvm.store %value, %to {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<1>
  return
}

func.func @expected(%x: memref<132xf32>, %y: memref<128xf32>) {
  affine.for %i = 0 to 128 {
    %value = affine.load %x[%i + 4] : memref<132xf32>
    affine.store %value, %y[%i] : memref<128xf32>
  }
  return
}
