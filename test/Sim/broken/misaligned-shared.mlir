// RUN: not tokopt-sim %s | FileCheck %s
// Rows of 24 bytes are read by 16 bytes.

llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>

func.func @stage(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<32x4xf32>}})
    attributes {tok.launch = {threads = 32, shared = 1024}, tok.sim = {}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %bytes = arith.constant 24 : i32
  %halves = arith.constant dense<0.5> : vector<4xf32>
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %row = arith.muli %thread, %bytes : i32
  %mine = llvm.getelementptr %shared[%row] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
  // CHECK: [[#@LINE+1]]: error: misaligned: block (0, 0, 0) thread 1: store of 16 bytes at shared + 24, not a multiple of 16
  llvm.store %halves, %mine {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<3>
  nvvm.barrier0
  %values = llvm.load %mine {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xf32>
  %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, !llvm.array<4 x f32>
  llvm.store %values, %to {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<1>
  return
}
