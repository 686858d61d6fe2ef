// RUN: tokopt-sim %s | FileCheck %s
// The addition is atomic.

// CHECK: count: clean for sm_80

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
  %before = llvm.atomicrmw add %shared, %c1 syncscope("block") monotonic : !llvm.ptr<3>, i32
  nvvm.barrier0
  scf.if %isFirst {
    %sum = llvm.load %shared : !llvm.ptr<3> -> i32
    llvm.store %sum, %y : i32, !llvm.ptr<1>
  }
  return
}
