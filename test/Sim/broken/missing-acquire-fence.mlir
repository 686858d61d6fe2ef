// RUN: not tokopt-sim %s | FileCheck %s
// The last block looks at the counter and then, without a fence, at what the others
// have written.

func.func @total(%part: !llvm.ptr<1> {tok.sim = {name = "part", buffer = tensor<4xf32>}},
                 %counter: !llvm.ptr<1> {tok.sim = {name = "counter", buffer = tensor<1xi32>, fill = "zero"}},
                 %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<1xf32>}})
    attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {grid = [4]}} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c3 = arith.constant 3 : i32
  %c4 = arith.constant 4 : i32
  %zero = arith.constant 0.0 : f32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %isFirst = arith.cmpi eq, %thread, %c0 : i32
  scf.if %isFirst {
    %value = arith.uitofp %block : i32 to f32
    %mine = llvm.getelementptr %part[%block] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    llvm.store %value, %mine : f32, !llvm.ptr<1>
    llvm.fence syncscope("device") acq_rel
    %before = llvm.atomicrmw add %counter, %c1 syncscope("device") monotonic : !llvm.ptr<1>, i32
    %isLast = arith.cmpi eq, %before, %c3 : i32
    scf.if %isLast {
      %sum = scf.for %i = %c0 to %c4 step %c1 iter_args(%s = %zero) -> (f32) : i32 {
        %from = llvm.getelementptr %part[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
        // CHECK: [[#@LINE+2]]: error: missing fence: block (3, 0, 0) thread 0: load of 4 bytes at part + 0 comes after the other access by an atomic, but without a fence of all blocks on both sides
        // CHECK-NEXT: [[#@LINE-8]]: note: store of 4 bytes by block (0, 0, 0) thread 0
        %other = llvm.load %from : !llvm.ptr<1> -> f32
        %next = arith.addf %s, %other : f32
        scf.yield %next : f32
      }
      llvm.store %sum, %y : f32, !llvm.ptr<1>
    }
  }
  return
}
