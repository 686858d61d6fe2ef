// RUN: tokopt-sim %s | FileCheck %s
// What a copy reads is written when it has arrived.

// CHECK: stage: clean for sm_80

llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>

func.func @stage(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<64x4xf32>, fill = "uniform"}},
                 %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<64x4xf32>}})
    attributes {tok.launch = {threads = 64, shared = 1024}, tok.sim = {}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %zero = arith.constant dense<0.0> : vector<4xf32>
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %from = llvm.getelementptr %x[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, !llvm.array<16 x i8>
  %to = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, !llvm.array<16 x i8>
  nvvm.cp.async.shared.global %to, %from, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
  nvvm.cp.async.commit.group
  nvvm.cp.async.wait.group 0
  llvm.store %zero, %from {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<1>
  %values = llvm.load %to {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xf32>
  %out = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, !llvm.array<16 x i8>
  llvm.store %values, %out {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<1>
  return
}
