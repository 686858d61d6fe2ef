// RUN: not tokopt-sim %s --target=sm_90a | FileCheck %s
// The kernel does not say how many blocks a multiprocessor has, so ptxas ignores the instruction.

func.func @share(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<384xf32>}})
    attributes {tok.launch = {threads = 384, shared = 0}, tok.sim = {}} {
  %c128 = arith.constant 128 : i32
  %half = arith.constant 0.5 : f32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %isFirst = arith.cmpi ult, %thread, %c128 : i32
  // 65536 registers are 168 for each of 384 threads, by eights. What 128 of them give up is 72 for each of the others.
  scf.if %isFirst {
    // CHECK: [[#@LINE+1]]: error: bad register count: block (0, 0, 0) thread {{[0-9]+}}: setmaxnreg.dec.sync.aligned.u32 has no effect: ptxas does not know with how many registers a thread begins
    nvvm.setmaxregister decrease 24
  } else {
  }
  %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  llvm.store %half, %to : f32, !llvm.ptr<1>
  return
}
