// RUN: not tokopt-sim %s | FileCheck %s
// Blocks add to one counter with a plain load and store.

func.func @count(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<1xi32>, fill = "zero"}})
    attributes {tok.launch = {threads = 32, shared = 0},
                tok.sim = {grid = [3], reference = @expected}} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %isFirst = arith.cmpi eq, %thread, %c0 : i32
  scf.if %isFirst {
    // CHECK: [[#@LINE+2]]: error: race: block (1, 0, 0) thread 0: load of 4 bytes at y + 0 is not ordered after the write
    // CHECK-NEXT: [[#@LINE+3]]: note: store of 4 bytes by block (0, 0, 0) thread 0
    %before = llvm.load %y : !llvm.ptr<1> -> i32
    %after = arith.addi %before, %c1 : i32
    llvm.store %after, %y : i32, !llvm.ptr<1>
  }
  return
}

func.func @expected(%y: memref<1xi32>) {
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : i32
  memref.store %c3, %y[%c0] : memref<1xi32>
  return
}
