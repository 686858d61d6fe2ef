// RUN: tokopt-sim %s | FileCheck %s
// Rows are as far apart as blocks write.

// CHECK: fill: clean for sm_80

func.func @fill(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<144xf32>}})
    attributes {tok.launch = {threads = 48, shared = 0}, tok.sim = {grid = [3]}} {
  %stride = arith.constant 48 : i32
  %half = arith.constant 0.5 : f32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %row = arith.muli %block, %stride : i32
  %index = arith.addi %row, %thread : i32
  %to = llvm.getelementptr %y[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  llvm.store %half, %to : f32, !llvm.ptr<1>
  return
}
