// RUN: tokopt-sim %s --target=sm_90a | FileCheck %s
// Two threads arrive before they wait for each other.

// CHECK: meet: clean for sm_90a

llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>

func.func @meet()
    attributes {tok.launch = {threads = 64, shared = 16}, tok.sim = {}} {
  %first = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %second = llvm.getelementptr %first[8] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c32 = arith.constant 32 : i32
  %false = arith.constant false
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %isFirst = arith.cmpi eq, %thread, %c0 : i32
  scf.if %isFirst {
    nvvm.mbarrier.init %first, %c1 : !llvm.ptr<3>, i32
    nvvm.mbarrier.init %second, %c1 : !llvm.ptr<3>, i32
  }
  nvvm.barrier0
  scf.if %isFirst {
    %a = nvvm.mbarrier.arrive %second : !llvm.ptr<3> -> i64
    scf.while : () -> () {
      %hasEnded = nvvm.mbarrier.try_wait %first, %c0 : !llvm.ptr<3>, i32 -> i1
      %goesOn = arith.cmpi eq, %hasEnded, %false : i1
      scf.condition(%goesOn)
    } do {
      scf.yield
    }
  }
  %isOther = arith.cmpi eq, %thread, %c32 : i32
  scf.if %isOther {
    %a = nvvm.mbarrier.arrive %first : !llvm.ptr<3> -> i64
    scf.while : () -> () {
      %hasEnded = nvvm.mbarrier.try_wait %second, %c0 : !llvm.ptr<3>, i32 -> i1
      %goesOn = arith.cmpi eq, %hasEnded, %false : i1
      scf.condition(%goesOn)
    } do {
      scf.yield
    }
  }
  return
}
