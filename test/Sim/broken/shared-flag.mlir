// RUN: not tokopt-sim %s | FileCheck %s
// Each block has a flag of its own in shared memory, so none tells another anything.

llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>

func.func @tell(%flag: !llvm.ptr<1> {tok.sim = {name = "flag", buffer = tensor<1xi32>, fill = "zero"}},
                %x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<1xi32>, fill = "zero"}},
                %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<1xi32>}})
    attributes {tok.launch = {threads = 1, shared = 4}, tok.sim = {grid = [2], reference = @expected}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c7 = arith.constant 7 : i32
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %isFirst = arith.cmpi eq, %block, %c0 : i32
  llvm.store %c0, %shared : i32, !llvm.ptr<3>
  // The first block tells the second what it has written.
  scf.if %isFirst {
    llvm.store %c7, %x : i32, !llvm.ptr<1>
    llvm.fence syncscope("device") acq_rel
    %before = llvm.atomicrmw add %shared, %c1 syncscope("device") monotonic : !llvm.ptr<3>, i32
  } else {
    %before = llvm.atomicrmw add %shared, %c1 syncscope("device") monotonic : !llvm.ptr<3>, i32
    llvm.fence syncscope("device") acq_rel
    // CHECK: [[#@LINE+1]]: error: race: block (1, 0, 0) thread 0: load of 4 bytes at x + 0 is not ordered after the write
    %a = llvm.load %x : !llvm.ptr<1> -> i32
    llvm.store %a, %y : i32, !llvm.ptr<1>
  }
  return
}

func.func @expected(%flag: memref<1xi32>, %x: memref<1xi32>, %y: memref<1xi32>) {
  %c7 = arith.constant 7 : i32
  affine.store %c7, %x[0] : memref<1xi32>
  affine.store %c7, %y[0] : memref<1xi32>
  return
}
