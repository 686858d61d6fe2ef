// RUN: tokopt-sim %s | FileCheck %s
// RUN: tokopt-sim %s --seed=1 | FileCheck %s
// The blocks count together, in global memory.

// CHECK: sum: clean for sm_80

llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>

func.func @sum(%flag: !llvm.ptr<1> {tok.sim = {name = "flag", buffer = tensor<1xi32>, fill = "zero"}},
               %x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<2xi32>, fill = "zero"}},
               %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<1xi32>}})
    attributes {tok.launch = {threads = 1, shared = 4}, tok.sim = {grid = [2], reference = @expected}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %c1 = arith.constant 1 : i32
  %c7 = arith.constant 7 : i32
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %value = arith.addi %block, %c7 : i32
  llvm.store %c1, %shared : i32, !llvm.ptr<3>
  %own = llvm.getelementptr %x[%block] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %value, %own : i32, !llvm.ptr<1>
  llvm.fence syncscope("device") acq_rel
  // The block that comes last adds what both have written.
  %before = llvm.atomicrmw add %flag, %c1 syncscope("device") monotonic : !llvm.ptr<1>, i32
  llvm.fence syncscope("device") acq_rel
  %isLast = arith.cmpi eq, %before, %c1 : i32
  scf.if %isLast {
    %a = llvm.load %x : !llvm.ptr<1> -> i32
    %second = llvm.getelementptr %x[1] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
    %b = llvm.load %second : !llvm.ptr<1> -> i32
    %sum = arith.addi %a, %b : i32
    llvm.store %sum, %y : i32, !llvm.ptr<1>
  }
  return
}

func.func @expected(%flag: memref<1xi32>, %x: memref<2xi32>, %y: memref<1xi32>) {
  %c2 = arith.constant 2 : i32
  %c7 = arith.constant 7 : i32
  %c8 = arith.constant 8 : i32
  %c15 = arith.constant 15 : i32
  affine.store %c2, %flag[0] : memref<1xi32>
  affine.store %c7, %x[0] : memref<2xi32>
  affine.store %c8, %x[1] : memref<2xi32>
  affine.store %c15, %y[0] : memref<1xi32>
  return
}
