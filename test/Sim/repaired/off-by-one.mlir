// RUN: tokopt-sim %s | FileCheck %s
// The last element has no right neighbour.

// CHECK: difference: clean for sm_80

func.func @difference(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<100xi32>, fill = "ascending"}},
                      %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<99xi32>}},
                      %n: i32 {tok.sim = {value = 100 : i32}})
    attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {grid = [4], reference = @expected}} {
  %c1 = arith.constant 1 : i32
  %c32 = arith.constant 32 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %first = arith.muli %block, %c32 : i32
  %index = arith.addi %first, %thread : i32
  %next = arith.addi %index, %c1 : i32
  %inside = arith.cmpi slt, %next, %n : i32
  scf.if %inside {
    %left = llvm.getelementptr %x[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %right = llvm.getelementptr %x[%next] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %a = llvm.load %left : !llvm.ptr<1> -> i32
    %b = llvm.load %right : !llvm.ptr<1> -> i32
    %d = arith.subi %b, %a : i32
    %to = llvm.getelementptr %y[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %d, %to : i32, !llvm.ptr<1>
  }
  return
}

func.func @expected(%x: memref<100xi32>, %y: memref<99xi32>) {
  affine.for %i = 0 to 99 {
    %a = affine.load %x[%i] : memref<100xi32>
    %b = affine.load %x[%i + 1] : memref<100xi32>
    %d = arith.subi %b, %a : i32
    affine.store %d, %y[%i] : memref<99xi32>
  }
  return
}
