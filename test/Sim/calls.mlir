// RUN: tokopt-sim %s | FileCheck %s
// A function that is called has arrays of its own, without contents each time.

// CHECK: call: clean for sm_80
llvm.func @reverse(%n: i32, %i: i32) -> i32 attributes {no_inline} {
  %c0 = llvm.mlir.constant(0 : i32) : i32
  %c1 = llvm.mlir.constant(1 : i32) : i32
  %c4 = llvm.mlir.constant(4 : i32) : i32
  %array = llvm.alloca %c4 x i32 : (i32) -> !llvm.ptr
  llvm.br ^loop(%c0 : i32)
^loop(%j: i32):
  %from = llvm.getelementptr %array[%j] : (!llvm.ptr, i32) -> !llvm.ptr, i32
  llvm.store volatile %j, %from : i32, !llvm.ptr
  %next = llvm.add %j, %c1 : i32
  %goesOn = llvm.icmp "ult" %next, %n : i32
  llvm.cond_br %goesOn, ^loop(%next : i32), ^end
^end:
  %last = llvm.sub %n, %c1 : i32
  %other = llvm.sub %last, %i : i32
  %place = llvm.getelementptr %array[%other] : (!llvm.ptr, i32) -> !llvm.ptr, i32
  %a = llvm.load volatile %place : !llvm.ptr -> i32
  llvm.return %a : i32
}

func.func @call(%n: i32 {tok.sim = {value = 4 : i32}},
                %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<4xi32>}})
    attributes {tok.launch = {threads = 2, shared = 0}, tok.sim = {reference = @expected}} {
  %c2 = arith.constant 2 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %first = llvm.call @reverse(%n, %thread) : (i32, i32) -> i32
  %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %first, %to : i32, !llvm.ptr<1>
  %other = arith.addi %thread, %c2 : i32
  %second = llvm.call @reverse(%n, %other) : (i32, i32) -> i32
  %toOther = llvm.getelementptr %y[%other] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %second, %toOther : i32, !llvm.ptr<1>
  return
}

func.func @expected(%n: i32, %y: memref<4xi32>) {
  affine.for %i = 0 to 4 {
    %a = arith.index_cast %i : index to i32
    affine.store %a, %y[3 - %i] : memref<4xi32>
  }
  return
}
