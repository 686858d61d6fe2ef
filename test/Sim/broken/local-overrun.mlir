// RUN: not tokopt-sim %s | FileCheck %s
// The first element that is taken of a thread's own array is the one behind the last.

func.func @reverse(%n: i32 {tok.sim = {value = 4 : i32}},
                   %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<4xi32>}})
    attributes {tok.launch = {threads = 1, shared = 0}, tok.sim = {reference = @expected}} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c4 = arith.constant 4 : i32
  %array = llvm.alloca %c4 x i32 : (i32) -> !llvm.ptr
  scf.for %i = %c0 to %n step %c1 : i32 {
    %place = llvm.getelementptr %array[%i] : (!llvm.ptr, i32) -> !llvm.ptr, i32
    llvm.store %i, %place : i32, !llvm.ptr
  }
  scf.for %i = %c0 to %n step %c1 : i32 {
    %other = arith.subi %n, %i : i32
    %place = llvm.getelementptr %array[%other] : (!llvm.ptr, i32) -> !llvm.ptr, i32
    // CHECK: [[#@LINE+2]]: error: out of bounds: block (0, 0, 0) thread 0: load of 4 bytes at local + 16 of 16 bytes
    // CHECK-NEXT: :10: note: array of 16 bytes is here
    %a = llvm.load %place : !llvm.ptr -> i32
    %to = llvm.getelementptr %y[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %a, %to : i32, !llvm.ptr<1>
  }
  return
}

func.func @expected(%n: i32, %y: memref<4xi32>) {
  affine.for %i = 0 to 4 {
    %a = arith.index_cast %i : index to i32
    affine.store %a, %y[3 - %i] : memref<4xi32>
  }
  return
}
