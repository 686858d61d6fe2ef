// RUN: not tokopt-sim %s | FileCheck %s
// Rows are 40 apart, but each block writes 48: the next one's beginning too.

func.func @fill(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<144xf32>}})
    attributes {tok.launch = {threads = 48, shared = 0}, tok.sim = {grid = [3]}} {
  %stride = arith.constant 40 : i32
  %half = arith.constant 0.5 : f32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %row = arith.muli %block, %stride : i32
  %index = arith.addi %row, %thread : i32
  %to = llvm.getelementptr %y[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  // CHECK: [[#@LINE+2]]: error: race: block (1, 0, 0) thread 0: store of 4 bytes at y + 160 is not ordered after the write
  // CHECK-NEXT: [[#@LINE+1]]: note: store of 4 bytes by block (0, 0, 0) thread 40
  llvm.store %half, %to : f32, !llvm.ptr<1>
  return
}
