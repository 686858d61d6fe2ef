// RUN: tokopt-sim %s | FileCheck %s
// The addition is atomic.

// CHECK: count: clean for sm_80

func.func @count(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<1xi32>, fill = "zero"}})
    attributes {tok.launch = {threads = 32, shared = 0},
                tok.sim = {grid = [3], reference = @expected}} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %isFirst = arith.cmpi eq, %thread, %c0 : i32
  scf.if %isFirst {
    %before = llvm.atomicrmw add %y, %c1 monotonic : !llvm.ptr<1>, i32
  }
  return
}

func.func @expected(%y: memref<1xi32>) {
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : i32
  memref.store %c3, %y[%c0] : memref<1xi32>
  return
}
