// RUN: not tokopt-sim %s | FileCheck %s
// Threads wait for a flag of their block that is no atomic. One of
// them sets it, and the others see it, but nothing orders what else they see.

llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>

func.func @wait(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<64xi32>}})
    attributes {tok.launch = {threads = 64, shared = 4}, tok.sim = {}} {
  %flag = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c31 = arith.constant 31 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %isFirst = arith.cmpi eq, %thread, %c0 : i32
  scf.if %isFirst {
    llvm.store %c0, %flag : i32, !llvm.ptr<3>
  }
  nvvm.barrier0
  %isSetter = arith.cmpi eq, %thread, %c31 : i32
  scf.if %isSetter {
    // CHECK: [[#@LINE+1]]: error: race: block (0, 0, 0) thread 31: store of 4 bytes at shared + 0 is not ordered after the read
    llvm.store volatile %c1, %flag : i32, !llvm.ptr<3>
  }
  scf.while : () -> () {
    // CHECK: [[#@LINE+1]]: error: race: block (0, 0, 0) thread 32: load of 4 bytes at shared + 0 is not ordered after the write (and 62 more)
    %seen = llvm.load volatile %flag : !llvm.ptr<3> -> i32
    %goesOn = arith.cmpi eq, %seen, %c0 : i32
    scf.condition(%goesOn)
  } do {
    scf.yield
  }
  %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %c1, %to : i32, !llvm.ptr<1>
  return
}
