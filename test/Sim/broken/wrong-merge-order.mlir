// RUN: not tokopt-sim %s --seed=3 | FileCheck %s
// Blocks put their parts in the order in which they come, so that the sum of rounded
// numbers depends on it: with another order of blocks it is another.

func.func @merge(%part: !llvm.ptr<1> {tok.sim = {name = "part", buffer = tensor<64xf32>}},
                 %counter: !llvm.ptr<1> {tok.sim = {name = "counter", buffer = tensor<2xi32>, fill = "zero"}},
                 %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<1xf32>}},
                 %x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<64xf32>, fill = "uniform"}})
    attributes {tok.launch = {threads = 1, shared = 0}, tok.sim = {grid = [64], reference = @expected}} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c63 = arith.constant 63 : i32
  %c64 = arith.constant 64 : i32
  %zero = arith.constant 0.0 : f32
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %from = llvm.getelementptr %x[%block] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  %value = llvm.load %from : !llvm.ptr<1> -> f32
  %place = llvm.atomicrmw add %counter, %c1 syncscope("device") monotonic : !llvm.ptr<1>, i32
  %mine = llvm.getelementptr %part[%place] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  llvm.store %value, %mine : f32, !llvm.ptr<1>
  llvm.fence syncscope("device") acq_rel
  %second = llvm.getelementptr %counter[1] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %before = llvm.atomicrmw add %second, %c1 syncscope("device") monotonic : !llvm.ptr<1>, i32
  %isLast = arith.cmpi eq, %before, %c63 : i32
  scf.if %isLast {
    llvm.fence syncscope("device") acq_rel
    %sum = scf.for %i = %c0 to %c64 step %c1 iter_args(%s = %zero) -> (f32) : i32 {
      %at = llvm.getelementptr %part[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
      %other = llvm.load %at : !llvm.ptr<1> -> f32
      %next = arith.addf %s, %other : f32
      scf.yield %next : f32
    }
    // CHECK: merge: error: wrong result: y[0] is {{.*}}, but the reference gives
    // CHECK-NEXT: [[#@LINE+1]]: note: store of 4 bytes by block
    llvm.store %sum, %y : f32, !llvm.ptr<1>
  }
  return
}

func.func @expected(%part: memref<64xf32>, %counter: memref<2xi32>, %y: memref<1xf32>, %x: memref<64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : i32
  memref.store %c64, %counter[%c0] : memref<2xi32>
  memref.store %c64, %counter[%c1] : memref<2xi32>
  %zero = arith.constant 0.0 : f32
  memref.store %zero, %y[%c0] : memref<1xf32>
  affine.for %i = 0 to 64 {
    %value = affine.load %x[%i] : memref<64xf32>
    affine.store %value, %part[%i] : memref<64xf32>
    %sum = memref.load %y[%c0] : memref<1xf32>
    %next = arith.addf %sum, %value : f32
    memref.store %next, %y[%c0] : memref<1xf32>
  }
  return
}
