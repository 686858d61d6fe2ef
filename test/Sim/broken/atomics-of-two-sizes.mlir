// RUN: not tokopt-sim %s | FileCheck %s
// Blocks add to the same counter, one to its low half.

func.func @count(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<1xi64>, fill = "zero"}})
    attributes {tok.launch = {threads = 1, shared = 0}, tok.sim = {grid = [2], reference = @expected}} {
  %c0 = arith.constant 0 : i32
  %one = arith.constant 1 : i32
  %two = arith.constant 2 : i64
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %isFirst = arith.cmpi eq, %block, %c0 : i32
  scf.if %isFirst {
    %before = llvm.atomicrmw add %y, %one syncscope("device") monotonic : !llvm.ptr<1>, i32
  } else {
    // CHECK: [[#@LINE+1]]: error: race: block (1, 0, 0) thread 0: atomic of 8 bytes at y + 0 is not ordered after the write
    %before = llvm.atomicrmw add %y, %two syncscope("device") monotonic : !llvm.ptr<1>, i64
  }
  return
}

func.func @expected(%y: memref<1xi64>) {
  %c3 = arith.constant 3 : i64
  affine.store %c3, %y[0] : memref<1xi64>
  return
}
