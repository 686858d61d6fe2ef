// RUN: not tokopt-sim %s | FileCheck %s
// Half of a warp goes to a barrier, the other half does not.

llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>

func.func @halves(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<32xi32>}})
    attributes {tok.launch = {threads = 32, shared = 64}, tok.sim = {reference = @expected}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %c16 = arith.constant 16 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %isLow = arith.cmpi ult, %thread, %c16 : i32
  scf.if %isLow {
    %mine = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    llvm.store %thread, %mine : i32, !llvm.ptr<3>
    // CHECK: [[#@LINE+1]]: error: divergent barrier: block (0, 0, 0) thread 0: barrier.cta.sync.aligned.all waits for ever: thread 16 has ended without coming here
    nvvm.barrier0
  }
  %place = arith.remui %thread, %c16 : i32
  %from = llvm.getelementptr %shared[%place] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  %value = llvm.load %from : !llvm.ptr<3> -> i32
  %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %value, %to : i32, !llvm.ptr<1>
  return
}

func.func @expected(%y: memref<2x16xi32>) {
  affine.for %half = 0 to 2 {
    affine.for %i = 0 to 16 {
      %value = arith.index_cast %i : index to i32
      affine.store %value, %y[%half, %i] : memref<2x16xi32>
    }
  }
  return
}
