// RUN: not tokopt-sim %s | FileCheck %s
// The threads divide by a number that may be zero.

func.func @share(%n: i32 {tok.sim = {value = 0 : i32}},
                 %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<32xi32>}})
    attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {reference = @expected}} {
  %c1 = arith.constant 1 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  // CHECK: [[#@LINE+1]]: error: bad division: block (0, 0, 0) thread 0: udiv by zero has no result that is defined
  %a = arith.divui %thread, %n : i32
  %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %a, %to : i32, !llvm.ptr<1>
  return
}

func.func @expected(%n: i32, %y: memref<32xi32>) {
  affine.for %i = 0 to 32 {
    %a = arith.index_cast %i : index to i32
    affine.store %a, %y[%i] : memref<32xi32>
  }
  return
}
