// RUN: not tokopt-sim %s | FileCheck %s
// A warp copies 24 elements to shared memory and reads 32.

llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>

func.func @pad(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<24xi32>, fill = "ascending"}},
               %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<32xi32>}})
    attributes {tok.launch = {threads = 32, shared = 128}, tok.sim = {reference = @expected}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %c0 = arith.constant 0 : i32
  %c24 = arith.constant 24 : i32
  %c31 = arith.constant 31 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %inside = arith.cmpi ult, %thread, %c24 : i32
  scf.if %inside {
    %from = llvm.getelementptr %x[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %value = llvm.load %from : !llvm.ptr<1> -> i32
    %mine = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    llvm.store %value, %mine : i32, !llvm.ptr<3>
  }
  nvvm.barrier0
  %place = arith.subi %c31, %thread : i32
  %isRead = arith.constant true
  %value = scf.if %isRead -> i32 {
    %theirs = llvm.getelementptr %shared[%place] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    // CHECK: [[#@LINE+1]]: error: unwritten: block (0, 0, 0) thread 0: load of 4 bytes at shared + 124, which nothing has written (and 7 more)
    %read = llvm.load %theirs : !llvm.ptr<3> -> i32
    scf.yield %read : i32
  } else {
    scf.yield %c0 : i32
  }
  %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %value, %to : i32, !llvm.ptr<1>
  return
}

func.func @expected(%x: memref<24xi32>, %y: memref<32xi32>) {
  %c0 = arith.constant 0 : i32
  affine.for %i = 0 to 8 {
    affine.store %c0, %y[%i] : memref<32xi32>
  }
  affine.for %i = 0 to 24 {
    %value = affine.load %x[23 - %i] : memref<24xi32>
    affine.store %value, %y[%i + 8] : memref<32xi32>
  }
  return
}
