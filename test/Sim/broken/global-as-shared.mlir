// RUN: not tokopt-sim %s | FileCheck %s
// A global address is taken for a shared one.

llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>

func.func @take(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<32xi32>, fill = "ascending"}},
                %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<32xi32>}})
    attributes {tok.launch = {threads = 32, shared = 8}, tok.sim = {reference = @expected}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %c0 = arith.constant 0 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %isFirst = arith.cmpi eq, %thread, %c0 : i32
  // A thread tells the others where they find their numbers.
  scf.if %isFirst {
    llvm.store %x, %shared : !llvm.ptr<1>, !llvm.ptr<3>
  }
  nvvm.barrier0
  %begin = llvm.load %shared : !llvm.ptr<3> -> !llvm.ptr<3>
  %from = llvm.getelementptr %begin[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  // CHECK: [[#@LINE+1]]: error: wrong space: block (0, 0, 0) thread 31: load of 4 bytes at x + 124, which is no shared address
  %a = llvm.load %from : !llvm.ptr<3> -> i32
  %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %a, %to : i32, !llvm.ptr<1>
  return
}

func.func @expected(%x: memref<32xi32>, %y: memref<32xi32>) {
  affine.for %i = 0 to 32 {
    %a = affine.load %x[%i] : memref<32xi32>
    affine.store %a, %y[%i] : memref<32xi32>
  }
  return
}
