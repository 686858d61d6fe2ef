// RUN: not tokopt-sim %s | FileCheck %s
// Lanes of a warp hand values over through shared memory as if they ran in step.

llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>

func.func @reverse(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<32xf32>, fill = "uniform"}},
                   %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<32xf32>}})
    attributes {tok.launch = {threads = 32, shared = 128}, tok.sim = {}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %c31 = arith.constant 31 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %from = llvm.getelementptr %x[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  %value = llvm.load %from : !llvm.ptr<1> -> f32
  %mine = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
  llvm.store %value, %mine : f32, !llvm.ptr<3>
  %last = arith.subi %c31, %thread : i32
  %theirs = llvm.getelementptr %shared[%last] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
  // CHECK-DAG: [[#@LINE+2]]: error: race: block (0, 0, 0) thread 16: load of 4 bytes at shared + 60 is not ordered after the write
  // CHECK-DAG: [[#@LINE-4]]: note: store of 4 bytes by block (0, 0, 0) thread 15
  %other = llvm.load %theirs : !llvm.ptr<3> -> f32
  %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  llvm.store %other, %to : f32, !llvm.ptr<1>
  return
}
