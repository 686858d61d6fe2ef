// RUN: not tokopt-sim %s | FileCheck %s
// The number of a shared address is taken for a generic one, which needs `addrspacecast`.

llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>

func.func @choose(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<32xi32>, fill = "ascending"}},
                  %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<32xi32>}})
    attributes {tok.launch = {threads = 32, shared = 128}, tok.sim = {reference = @expected}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %c16 = arith.constant 16 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %place = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  llvm.store %thread, %place : i32, !llvm.ptr<3>
  // Half of the threads take what is in shared memory.
  %number = llvm.ptrtoint %place : !llvm.ptr<3> to i64
  %generic = llvm.inttoptr %number : i64 to !llvm.ptr
  %global = llvm.getelementptr %x[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  %other = llvm.addrspacecast %global : !llvm.ptr<1> to !llvm.ptr
  %isShared = arith.cmpi uge, %thread, %c16 : i32
  %from = arith.select %isShared, %generic, %other : !llvm.ptr
  // CHECK: [[#@LINE+1]]: error: wrong space: block (0, 0, 0) thread 16: load of 4 bytes at shared + 64, which is no generic address
  %a = llvm.load %from : !llvm.ptr -> i32
  %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %a, %to : i32, !llvm.ptr<1>
  return
}

func.func @expected(%x: memref<32xi32>, %y: memref<32xi32>) {
  affine.for %i = 0 to 32 {
    %a = arith.index_cast %i : index to i32
    affine.store %a, %y[%i] : memref<32xi32>
  }
  return
}
