// RUN: tokopt-sim %s | FileCheck %s
// A barrier stands between the reads and the copy.

// CHECK: stage: clean for sm_80

llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>

func.func @stage(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<64x4xf32>, fill = "uniform"}},
                 %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<64x4xf32>}})
    attributes {tok.launch = {threads = 64, shared = 1024}, tok.sim = {}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %c63 = arith.constant 63 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %from = llvm.getelementptr %x[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, !llvm.array<16 x i8>
  %to = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, !llvm.array<16 x i8>
  nvvm.cp.async.shared.global %to, %from, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
  nvvm.cp.async.commit.group
  nvvm.cp.async.wait.group 0
  nvvm.barrier0
  %last = arith.subi %c63, %thread : i32
  %theirs = llvm.getelementptr %shared[%last] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, !llvm.array<16 x i8>
  %values = llvm.load %theirs {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xf32>
  %out = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, !llvm.array<16 x i8>
  llvm.store %values, %out {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<1>
  nvvm.barrier0
  nvvm.cp.async.shared.global %to, %from, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
  nvvm.cp.async.commit.group
  nvvm.cp.async.wait.group 0
  return
}
