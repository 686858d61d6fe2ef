// RUN: tokopt-sim %s | FileCheck %s
// Elements of a thread's own array are taken from the last on.

// CHECK: reverse: clean for sm_80

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
    %last = arith.subi %other, %c1 : i32
    %place = llvm.getelementptr %array[%last] : (!llvm.ptr, i32) -> !llvm.ptr, i32
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
