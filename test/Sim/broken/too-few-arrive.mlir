// RUN: not tokopt-sim %s | FileCheck %s
// A named barrier waits for 64 threads, but one warp comes.

func.func @meet(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<64xf32>}})
    attributes {tok.launch = {threads = 64, shared = 0}, tok.sim = {}} {
  %c1 = arith.constant 1 : i32
  %c32 = arith.constant 32 : i32
  %count = arith.constant 64 : i32
  %half = arith.constant 0.5 : f32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %isFirstWarp = arith.cmpi ult, %thread, %c32 : i32
  scf.if %isFirstWarp {
    // CHECK: [[#@LINE+1]]: error: deadlock: block (0, 0, 0) thread 0: barrier.cta.sync.aligned.count waits for ever at barrier 1, which has 32 of 64 arrivals: thread 32 has ended without coming here
    nvvm.barrier id = %c1 number_of_threads = %count
  }
  %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  llvm.store %half, %to : f32, !llvm.ptr<1>
  return
}
