// RUN: not tokopt-sim %s | FileCheck %s
// A block reads a counter that others still add to as if nobody did.

func.func @count(%counter: !llvm.ptr<1> {tok.sim = {name = "counter", buffer = tensor<1xi32>, fill = "zero"}},
                 %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<3xi32>}})
    attributes {tok.launch = {threads = 1, shared = 0}, tok.sim = {grid = [3]}} {
  %c1 = arith.constant 1 : i32
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %mine = llvm.getelementptr %y[%block] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  // CHECK: [[#@LINE+1]]: error: race: block (1, 0, 0) thread 0: load of 4 bytes at counter + 0 is not ordered after the write
  %now = llvm.load %counter : !llvm.ptr<1> -> i32
  llvm.store %now, %mine : i32, !llvm.ptr<1>
  %before = llvm.atomicrmw add %counter, %c1 syncscope("device") monotonic : !llvm.ptr<1>, i32
  return
}
