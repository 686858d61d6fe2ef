// RUN: not tokopt-sim %s --steps=100000 | FileCheck %s
// A loop without accesses that does not end for zero. The next block is not tried.
// CHECK: endless-loop.mlir:{{[0-9]+}}: error: endless: block (0, 0, 0) thread {{[0-9]+}}: loop is step 100001 of a block that does not end
// CHECK-NEXT: 1 report

func.func @turn(%n: i32 {tok.sim = {value = 0 : i32}},
                %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<32xi32>}})
    attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {grid = [2]}} {
  %c1 = arith.constant 1 : i32
  %c3 = arith.constant 3 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  // Collatz: half of the number, or once more than thrice, until it is one.
  %last = scf.while (%i = %n) : (i32) -> i32 {
    %goesOn = arith.cmpi ne, %i, %c1 : i32
    scf.condition(%goesOn) %i : i32
  } do {
  ^bb0(%i: i32):
    %bit = arith.andi %i, %c1 : i32
    %isOdd = arith.cmpi eq, %bit, %c1 : i32
    %thrice = arith.muli %i, %c3 : i32
    %more = arith.addi %thrice, %c1 : i32
    %half = arith.shrui %i, %c1 : i32
    %next = arith.select %isOdd, %more, %half : i32
    scf.yield %next : i32
  }
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %isFirst = arith.cmpi ult, %block, %last : i32
  scf.if %isFirst {
    %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %last, %to : i32, !llvm.ptr<1>
  }
  return
}
