// RUN: tokopt-sim %s --target=sm_90a | FileCheck %s
// The kernel says so.

// CHECK: share: clean for sm_90a

func.func @share(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<384xf32>}})
    attributes {tok.launch = {threads = 384, shared = 0, blocks = 1}, tok.sim = {}} {
  %c128 = arith.constant 128 : i32
  %half = arith.constant 0.5 : f32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %isFirst = arith.cmpi ult, %thread, %c128 : i32
  // 65536 registers are 168 for each of 384 threads, by eights. What 128 of them give up is 72 for each of the others.
  scf.if %isFirst {
    nvvm.setmaxregister decrease 24
  } else {
  }
  %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  llvm.store %half, %to : f32, !llvm.ptr<1>
  return
}
