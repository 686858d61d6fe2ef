// RUN: tokopt-sim %s --counts | FileCheck %s
// A copy is a read of global memory and a write of shared memory; each is
// counted with its own.

// CHECK-DAG: [[#@LINE+13]]: cp.async.cg.shared.global.16 of global memory: 1 requests, 512 bytes, 32 sectors, but 16 would do
// CHECK-DAG: [[#@LINE+12]]: cp.async.cg.shared.global.16 of shared memory: 1 requests, 512 bytes, 4 passes
// CHECK: stage: clean for sm_80

llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>

func.func @stage(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<32x16xf32>, fill = "uniform"}})
    attributes {tok.launch = {threads = 32, shared = 512}, tok.sim = {}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  // Lanes side by side read rows, 16 bytes of 64.
  %from = llvm.getelementptr %x[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, !llvm.array<64 x i8>
  %to = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, !llvm.array<16 x i8>
  nvvm.cp.async.shared.global %to, %from, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
  nvvm.cp.async.commit.group
  nvvm.cp.async.wait.group 0
  return
}
