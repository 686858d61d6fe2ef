// RUN: not tokopt-sim %s --steps=100000 | FileCheck %s
// The threads meet again and again: the count never is one.
// CHECK: endless-barriers.mlir:{{[0-9]+}}: error: endless: block (0, 0, 0)

func.func @meet(%n: i32 {tok.sim = {value = 2 : i32}},
                %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<32xi32>}})
    attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {}} {
  %c1 = arith.constant 1 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  // Threads meet until the count, which goes down by two, is one.
  %last = scf.while (%i = %n) : (i32) -> i32 {
    nvvm.barrier0
    %goesOn = arith.cmpi ne, %i, %c1 : i32
    scf.condition(%goesOn) %i : i32
  } do {
  ^bb0(%i: i32):
    %c2 = arith.constant 2 : i32
    %next = arith.subi %i, %c2 : i32
    scf.yield %next : i32
  }
  %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %last, %to : i32, !llvm.ptr<1>
  return
}
