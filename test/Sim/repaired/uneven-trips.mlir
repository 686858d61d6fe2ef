// RUN: tokopt-sim %s | FileCheck %s
// All go through it as often, and those that have no more work only wait.

// CHECK: walk: clean for sm_80

func.func @walk(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<64xf32>, fill = "zero"}})
    attributes {tok.launch = {threads = 64, shared = 0}, tok.sim = {}} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c2 = arith.constant 2 : i32
  %c32 = arith.constant 32 : i32
  %half = arith.constant 0.5 : f32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %warp = arith.divui %thread, %c32 : i32
  %own = arith.addi %warp, %c1 : i32
  %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  scf.for %i = %c0 to %c2 step %c1 : i32 {
    %hasWork = arith.cmpi slt, %i, %own : i32
    scf.if %hasWork {
      llvm.store %half, %to : f32, !llvm.ptr<1>
    }
    nvvm.barrier0
  }
  return
}
