// RUN: tokopt-sim %s | FileCheck %s
// The number of the element is computed in 64 bits.

// CHECK: mark: clean for sm_80

func.func @mark(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<3x1073741824xi8>, fill = "zero"}})
    attributes {tok.launch = {threads = 1, shared = 0}, tok.sim = {grid = [3]}} {
  %one = arith.constant 1 : i8
  %columns = arith.constant 1073741824 : i32
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %wideBlock = arith.extui %block : i32 to i64
  %wideColumns = arith.extui %columns : i32 to i64
  %index = arith.muli %wideBlock, %wideColumns : i64
  %to = llvm.getelementptr %y[%index] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i8
  llvm.store %one, %to : i8, !llvm.ptr<1>
  return
}
