// RUN: tokopt-sim %s | FileCheck %s
// Before the second round all threads have read the first.

// CHECK: rotate: clean for sm_80

llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>

func.func @rotate(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<128xi32>, fill = "ascending"}},
                  %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<128xi32>}})
    attributes {tok.launch = {threads = 64, shared = 256}, tok.sim = {reference = @expected}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c64 = arith.constant 64 : i32
  %c128 = arith.constant 128 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %next = arith.addi %thread, %c1 : i32
  %neighbour = arith.remui %next, %c64 : i32
  %mine = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  %theirs = llvm.getelementptr %shared[%neighbour] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  scf.for %round = %c0 to %c128 step %c64 : i32 {
    %index = arith.addi %round, %thread : i32
    %from = llvm.getelementptr %x[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %value = llvm.load %from : !llvm.ptr<1> -> i32
    llvm.store %value, %mine : i32, !llvm.ptr<3>
    nvvm.barrier0
    %other = llvm.load %theirs : !llvm.ptr<3> -> i32
    %to = llvm.getelementptr %y[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %other, %to : i32, !llvm.ptr<1>
    nvvm.barrier0
  }
  return
}

func.func @expected(%x: memref<2x64xi32>, %y: memref<2x64xi32>) {
  affine.for %round = 0 to 2 {
    affine.for %i = 0 to 64 {
      %value = affine.load %x[%round, (%i + 1) mod 64] : memref<2x64xi32>
      affine.store %value, %y[%round, %i] : memref<2x64xi32>
    }
  }
  return
}
