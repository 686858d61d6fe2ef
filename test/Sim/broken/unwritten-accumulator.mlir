// RUN: not tokopt-sim %s | FileCheck %s
// Blocks add to an accumulator that nobody has set to zero.

func.func @add(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<1xi32>}})
    attributes {tok.launch = {threads = 1, shared = 0}, tok.sim = {grid = [2]}} {
  %c1 = arith.constant 1 : i32
  // CHECK: [[#@LINE+1]]: error: unwritten: block (0, 0, 0) thread 0: atomic of 4 bytes at y + 0, which nothing has written
  %before = llvm.atomicrmw add %y, %c1 syncscope("device") monotonic : !llvm.ptr<1>, i32
  return
}
