// RUN: tokopt-sim %s | FileCheck %s
// Threads wait for a flag of their block that is an atomic.

// CHECK: wait: clean for sm_80

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
    llvm.store %c1, %flag atomic syncscope("block") release {alignment = 4 : i64} : i32, !llvm.ptr<3>
  }
  scf.while : () -> () {
    %seen = llvm.load %flag atomic syncscope("block") acquire {alignment = 4 : i64} : !llvm.ptr<3> -> i32
    %goesOn = arith.cmpi eq, %seen, %c0 : i32
    scf.condition(%goesOn)
  } do {
    scf.yield
  }
  %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %c1, %to : i32, !llvm.ptr<1>
  return
}
