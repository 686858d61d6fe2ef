// RUN: tokopt-sim %s | FileCheck %s
// Each has a barrier of its own.

// CHECK: meet: clean for sm_80

func.func @meet(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<96xf32>}})
    attributes {tok.launch = {threads = 96, shared = 0}, tok.sim = {}} {
  %c1 = arith.constant 1 : i32
  %other = arith.constant 2 : i32
  %c32 = arith.constant 32 : i32
  %c64 = arith.constant 64 : i32
  %half = arith.constant 0.5 : f32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %isFirstWarp = arith.cmpi ult, %thread, %c32 : i32
  scf.if %isFirstWarp {
    nvvm.barrier id = %c1 number_of_threads = %c32
  } else {
    nvvm.barrier id = %other number_of_threads = %c64
  }
  %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  llvm.store %half, %to : f32, !llvm.ptr<1>
  return
}
