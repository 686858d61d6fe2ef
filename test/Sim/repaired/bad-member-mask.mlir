// RUN: tokopt-sim %s | FileCheck %s
// It names itself.

// CHECK: sum: clean for sm_80

func.func @sum(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<32xf32>, fill = "uniform"}},
               %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<32xf32>}})
    attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {}} {
  %c8 = arith.constant 8 : i32
  %c16 = arith.constant 16 : i32
  %c31 = arith.constant 31 : i32
  %upper = arith.constant -65536 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %from = llvm.getelementptr %x[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  %value = llvm.load %from : !llvm.ptr<1> -> f32
  %takesPart = arith.cmpi uge, %thread, %c16 : i32
  scf.if %takesPart {
    %other = nvvm.shfl.sync bfly %upper, %value, %c8, %c31 : f32 -> f32
    %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    llvm.store %other, %to : f32, !llvm.ptr<1>
  }
  return
}
