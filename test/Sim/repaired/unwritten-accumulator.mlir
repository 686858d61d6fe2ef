// RUN: tokopt-sim %s | FileCheck %s
// The accumulator is zero from the start.

// CHECK: add: clean for sm_80

func.func @add(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<1xi32>, fill = "zero"}})
    attributes {tok.launch = {threads = 1, shared = 0}, tok.sim = {grid = [2]}} {
  %c1 = arith.constant 1 : i32
  %before = llvm.atomicrmw add %y, %c1 syncscope("device") monotonic : !llvm.ptr<1>, i32
  return
}
