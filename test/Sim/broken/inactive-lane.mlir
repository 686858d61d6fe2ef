// RUN: not tokopt-sim %s | FileCheck %s
// Half of a warp exchanges values, with lanes of the other half.

func.func @swap(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<32xf32>, fill = "uniform"}},
                %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<16xf32>}})
    attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {}} {
  %distance = arith.constant 16 : i32
  %c16 = arith.constant 16 : i32
  %c31 = arith.constant 31 : i32
  %half = arith.constant 65535 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %from = llvm.getelementptr %x[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  %value = llvm.load %from : !llvm.ptr<1> -> f32
  %takesPart = arith.cmpi ult, %thread, %c16 : i32
  scf.if %takesPart {
    // CHECK: [[#@LINE+1]]: error: inactive lane: block (0, 0, 0) thread 0: shfl.sync.bfly.f32 reads lane 16, which is not in the mask
    %other = nvvm.shfl.sync bfly %half, %value, %distance, %c31 : f32 -> f32
    %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    llvm.store %other, %to : f32, !llvm.ptr<1>
  }
  return
}
