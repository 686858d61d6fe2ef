// RUN: tokopt-sim %s | FileCheck %s
// The counter is read with an atomic.

// CHECK: count: clean for sm_80

func.func @count(%counter: !llvm.ptr<1> {tok.sim = {name = "counter", buffer = tensor<1xi32>, fill = "zero"}},
                 %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<3xi32>}})
    attributes {tok.launch = {threads = 1, shared = 0}, tok.sim = {grid = [3]}} {
  %c1 = arith.constant 1 : i32
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %mine = llvm.getelementptr %y[%block] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  %now = llvm.load %counter atomic syncscope("device") monotonic {alignment = 4 : i64} : !llvm.ptr<1> -> i32
  llvm.store %now, %mine : i32, !llvm.ptr<1>
  %before = llvm.atomicrmw add %counter, %c1 syncscope("device") monotonic : !llvm.ptr<1>, i32
  return
}
