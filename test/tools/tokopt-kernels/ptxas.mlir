// RUN: tokopt-kernels %s --emit=report | FileCheck %s
// RUN: tokopt-kernels %s --emit=cubin -o %t.cubin
// RUN: tokopt-kernels %s --emit=report --target=sm_90a | FileCheck %s --check-prefix=SM90
// REQUIRES: ptxas

// CHECK: copy: sm_80, LLVM IR {{[0-9a-f]+}}, 64 threads, {{[0-9]+}} registers ({{[0-9]+}} blocks fit), 0 bytes of shared memory (164 blocks fit), 0 barriers, 0 bytes of stack, 0 bytes spilled; 32 blocks a multiprocessor, 64 of 64 warps
// SM90: copy: sm_90a, LLVM IR

func.func @copy(%x: !llvm.ptr<1>, %y: !llvm.ptr<1>) attributes {tok.launch = {threads = 64, shared = 0}} {
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %from = llvm.getelementptr %x[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  %value = llvm.load %from : !llvm.ptr<1> -> i32
  %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %value, %to : i32, !llvm.ptr<1>
  return
}
