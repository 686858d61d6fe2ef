// RUN: tokopt-sim %s | FileCheck %s
// The launch gives it as much as it writes.

// CHECK: stage: clean for sm_80

llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>

func.func @stage(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<33xf32>}})
    attributes {tok.launch = {threads = 33, shared = 132}, tok.sim = {}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %half = arith.constant 0.5 : f32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %mine = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
  llvm.store %half, %mine : f32, !llvm.ptr<3>
  nvvm.barrier0
  %value = llvm.load %mine : !llvm.ptr<3> -> f32
  %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  llvm.store %value, %to : f32, !llvm.ptr<1>
  return
}
