// RUN: tokopt-sim %s | FileCheck %s
// The numbers are in shared memory, which the threads have together.

// CHECK: take: clean for sm_80

llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>

func.func @take(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<32xi32>}})
    attributes {tok.launch = {threads = 32, shared = 384}, tok.sim = {reference = @expected}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %c1 = arith.constant 1 : i32
  %c31 = arith.constant 31 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %other = arith.subi %c31, %thread : i32
  // Each thread has a number, and tells another where.
  %numbers = llvm.getelementptr %shared[256] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
  %place = llvm.getelementptr %numbers[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  %own = llvm.addrspacecast %place : !llvm.ptr<3> to !llvm.ptr
  llvm.store volatile %thread, %own : i32, !llvm.ptr
  %message = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i64
  llvm.store %own, %message : !llvm.ptr, !llvm.ptr<3>
  nvvm.barrier0
  %told = llvm.getelementptr %shared[%other] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i64
  %from = llvm.load %told : !llvm.ptr<3> -> !llvm.ptr
  %a = llvm.load %from : !llvm.ptr -> i32
  %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %a, %to : i32, !llvm.ptr<1>
  return
}

func.func @expected(%y: memref<32xi32>) {
  affine.for %i = 0 to 32 {
    %a = arith.index_cast %i : index to i32
    affine.store %a, %y[31 - %i] : memref<32xi32>
  }
  return
}
