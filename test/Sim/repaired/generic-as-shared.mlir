// RUN: tokopt-sim %s | FileCheck %s
// A generic address is made the shared one that it stands for.

// CHECK: share: clean for sm_80

llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>

func.func @share(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<32xi32>}})
    attributes {tok.launch = {threads = 32, shared = 136}, tok.sim = {reference = @expected}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %c0 = arith.constant 0 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %isFirst = arith.cmpi eq, %thread, %c0 : i32
  // A thread tells the others where they find their numbers.
  %message = llvm.getelementptr %shared[128] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
  %generic = llvm.addrspacecast %shared : !llvm.ptr<3> to !llvm.ptr
  scf.if %isFirst {
    llvm.store %generic, %message : !llvm.ptr, !llvm.ptr<3>
  }
  %place = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  llvm.store %thread, %place : i32, !llvm.ptr<3>
  nvvm.barrier0
  %told = llvm.load %message : !llvm.ptr<3> -> !llvm.ptr
  %begin = llvm.addrspacecast %told : !llvm.ptr to !llvm.ptr<3>
  %from = llvm.getelementptr %begin[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
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
