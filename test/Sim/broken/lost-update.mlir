// RUN: not tokopt-sim %s | FileCheck %s
// Threads of two warps add to one counter of their block with a load and a store.

llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>

func.func @count(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<1xi32>}})
    attributes {tok.launch = {threads = 64, shared = 4}, tok.sim = {}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %isFirst = arith.cmpi eq, %thread, %c0 : i32
  scf.if %isFirst {
    llvm.store %c0, %shared : i32, !llvm.ptr<3>
  }
  nvvm.barrier0
  // CHECK: [[#@LINE+1]]: error: race: block (0, 0, 0) thread 0: load of 4 bytes at shared + 0 is not ordered after the write
  %before = llvm.load %shared : !llvm.ptr<3> -> i32
  %after = arith.addi %before, %c1 : i32
  llvm.store %after, %shared : i32, !llvm.ptr<3>
  nvvm.barrier0
  scf.if %isFirst {
    %sum = llvm.load %shared : !llvm.ptr<3> -> i32
    llvm.store %sum, %y : i32, !llvm.ptr<1>
  }
  return
}
