// RUN: not tokopt-sim %s | FileCheck %s
// The last counter of a thread's own is not set to zero.

func.func @count(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<16xi32>, fill = "ascending"}},
                 %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<4xi32>}})
    attributes {tok.launch = {threads = 4, shared = 0}, tok.sim = {reference = @expected}} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c3 = arith.constant 3 : i32
  %c4 = arith.constant 4 : i32
  %c16 = arith.constant 16 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  // How many of the numbers leave each remainder.
  %counts = llvm.alloca %c4 x i32 : (i32) -> !llvm.ptr
  scf.for %i = %c0 to %c3 step %c1 : i32 {
    %place = llvm.getelementptr %counts[%i] : (!llvm.ptr, i32) -> !llvm.ptr, i32
    llvm.store volatile %c0, %place : i32, !llvm.ptr
  }
  scf.for %i = %c0 to %c16 step %c1 : i32 {
    %from = llvm.getelementptr %x[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %a = llvm.load %from : !llvm.ptr<1> -> i32
    %rest = arith.andi %a, %c3 : i32
    %place = llvm.getelementptr %counts[%rest] : (!llvm.ptr, i32) -> !llvm.ptr, i32
    // CHECK: [[#@LINE+1]]: error: unwritten: block (0, 0, 0) thread 0: load of 4 bytes at local + 12, which nothing has written (and 3 more)
    %before = llvm.load %place : !llvm.ptr -> i32
    %after = arith.addi %before, %c1 : i32
    llvm.store %after, %place : i32, !llvm.ptr
  }
  %place = llvm.getelementptr %counts[%thread] : (!llvm.ptr, i32) -> !llvm.ptr, i32
  %a = llvm.load %place : !llvm.ptr -> i32
  %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %a, %to : i32, !llvm.ptr<1>
  return
}

func.func @expected(%x: memref<16xi32>, %y: memref<4xi32>) {
  %c4 = arith.constant 4 : i32
  affine.for %i = 0 to 4 {
    affine.store %c4, %y[%i] : memref<4xi32>
  }
  return
}
