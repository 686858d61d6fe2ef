// RUN: tokopt-sim %s | FileCheck %s
// The number of a shared address is taken for a shared one.

// CHECK: keep: clean for sm_80

llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>

func.func @keep(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<32xi32>}})
    attributes {tok.launch = {threads = 32, shared = 128}, tok.sim = {reference = @expected}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %place = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  llvm.store %thread, %place : i32, !llvm.ptr<3>
  %number = llvm.ptrtoint %place : !llvm.ptr<3> to i64
  %from = llvm.inttoptr %number : i64 to !llvm.ptr<3>
  %a = llvm.load %from : !llvm.ptr<3> -> i32
  %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %a, %to : i32, !llvm.ptr<1>
  return
}

func.func @expected(%y: memref<32xi32>) {
  affine.for %i = 0 to 32 {
    %a = arith.index_cast %i : index to i32
    affine.store %a, %y[%i] : memref<32xi32>
  }
  return
}
