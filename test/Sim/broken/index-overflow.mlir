// RUN: not tokopt-sim %s | FileCheck %s
// The number of an element beyond 2^31 is computed in 32 bits.

func.func @mark(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<3x1073741824xi8>, fill = "zero"}})
    attributes {tok.launch = {threads = 1, shared = 0}, tok.sim = {grid = [3]}} {
  %one = arith.constant 1 : i8
  %columns = arith.constant 1073741824 : i32
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %narrow = arith.muli %block, %columns : i32
  %index = arith.extsi %narrow : i32 to i64
  %to = llvm.getelementptr %y[%index] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i8
  // CHECK: [[#@LINE+1]]: error: out of bounds: block (2, 0, 0) thread 0: store of 1 byte at y - 2147483648
  llvm.store %one, %to : i8, !llvm.ptr<1>
  return
}
