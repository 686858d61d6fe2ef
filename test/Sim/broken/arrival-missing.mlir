// RUN: not tokopt-sim %s | FileCheck %s
// Takers wait for each other only; no arrival tells them what givers wrote.

llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>

func.func @hand(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<64xf32>, fill = "uniform"}},
                %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<64xf32>}})
    attributes {tok.launch = {threads = 128, shared = 256}, tok.sim = {reference = @expected}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %c1 = arith.constant 1 : i32
  %c63 = arith.constant 63 : i32
  %c64 = arith.constant 64 : i32
  %c128 = arith.constant 128 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %isGiver = arith.cmpi ult, %thread, %c64 : i32
  scf.if %isGiver {
    %from = llvm.getelementptr %x[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    %value = llvm.load %from : !llvm.ptr<1> -> f32
    %mine = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
    // CHECK-DAG: [[#@LINE+1]]: note: store of 4 bytes by block (0, 0, 0) thread 0
    llvm.store %value, %mine : f32, !llvm.ptr<3>
  } else {
    %taker = arith.subi %thread, %c64 : i32
    %place = arith.subi %c63, %taker : i32
    %theirs = llvm.getelementptr %shared[%place] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
    %to = llvm.getelementptr %y[%taker] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    nvvm.barrier id = %c1 number_of_threads = %c64
    // CHECK-DAG: [[#@LINE+1]]: error: race: block (0, 0, 0) thread 127: load of 4 bytes at shared + 0 is not ordered after the write
    %other = llvm.load %theirs : !llvm.ptr<3> -> f32
    llvm.store %other, %to : f32, !llvm.ptr<1>
  }
  return
}

func.func @expected(%x: memref<64xf32>, %y: memref<64xf32>) {
  affine.for %i = 0 to 64 {
    %value = affine.load %x[63 - %i] : memref<64xf32>
    affine.store %value, %y[%i] : memref<64xf32>
  }
  return
}
