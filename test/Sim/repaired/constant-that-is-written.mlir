// RUN: tokopt-sim %s | FileCheck %s
// What other threads have written is loaded plainly.

// CHECK: exchange: clean for sm_80

func.func @exchange(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<64xi32>}},
                    %z: !llvm.ptr<1> {tok.sim = {name = "z", buffer = tensor<64xi32>}})
    attributes {tok.launch = {threads = 64, shared = 0}, tok.sim = {reference = @expected}} {
  %c63 = arith.constant 63 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %other = arith.subi %c63, %thread : i32
  %own = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %thread, %own : i32, !llvm.ptr<1>
  nvvm.barrier0
  %from = llvm.getelementptr %y[%other] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  %a = llvm.load %from : !llvm.ptr<1> -> i32
  %to = llvm.getelementptr %z[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %a, %to : i32, !llvm.ptr<1>
  return
}

func.func @expected(%y: memref<64xi32>, %z: memref<64xi32>) {
  affine.for %i = 0 to 64 {
    %a = arith.index_cast %i : index to i32
    affine.store %a, %y[%i] : memref<64xi32>
    affine.store %a, %z[63 - %i] : memref<64xi32>
  }
  return
}
