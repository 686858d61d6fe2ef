// RUN: not tokopt-sim %s | FileCheck %s
// Givers use a barrier again that has opened, as it happens; nothing tells them so.

llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>

func.func @hand(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<128xf32>, fill = "uniform"}},
                %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<128xf32>}})
    attributes {tok.launch = {threads = 128, shared = 512}, tok.sim = {reference = @expected}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %c1 = arith.constant 1 : i32
  %c3 = arith.constant 3 : i32
  %c63 = arith.constant 63 : i32
  %c64 = arith.constant 64 : i32
  %c128 = arith.constant 128 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %isGiver = arith.cmpi uge, %thread, %c64 : i32
  %giver = arith.subi %thread, %c64 : i32
  scf.if %isGiver {
    %from = llvm.getelementptr %x[%giver] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    %value = llvm.load %from : !llvm.ptr<1> -> f32
    %mine = llvm.getelementptr %shared[%giver] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
    llvm.store %value, %mine : f32, !llvm.ptr<3>
    nvvm.barrier.arrive id = %c1 number_of_threads = %c128
    // Givers wait for each other, but not for takers.
    nvvm.barrier id = %c3 number_of_threads = %c64
    %fromNext = llvm.getelementptr %from[64] : (!llvm.ptr<1>) -> !llvm.ptr<1>, f32
    %next = llvm.load %fromNext : !llvm.ptr<1> -> f32
    %mineNext = llvm.getelementptr %mine[64] : (!llvm.ptr<3>) -> !llvm.ptr<3>, f32
    llvm.store %next, %mineNext : f32, !llvm.ptr<3>
    // CHECK: [[#@LINE+2]]: error: bad barrier: block (0, 0, 0) thread 127: barrier.cta.arrive.aligned.count comes to barrier 1 and does not know that it has opened since it was used last
    // CHECK: [[#@LINE+6]]: note: thread 0 waited here, and nothing orders the two
    nvvm.barrier.arrive id = %c1 number_of_threads = %c128
  } else {
    %place = arith.subi %c63, %thread : i32
    %theirs = llvm.getelementptr %shared[%place] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
    %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    nvvm.barrier id = %c1 number_of_threads = %c128
    %other = llvm.load %theirs : !llvm.ptr<3> -> f32
    llvm.store %other, %to : f32, !llvm.ptr<1>
    nvvm.barrier id = %c1 number_of_threads = %c128
    %theirsNext = llvm.getelementptr %theirs[64] : (!llvm.ptr<3>) -> !llvm.ptr<3>, f32
    %otherNext = llvm.load %theirsNext : !llvm.ptr<3> -> f32
    %toNext = llvm.getelementptr %to[64] : (!llvm.ptr<1>) -> !llvm.ptr<1>, f32
    llvm.store %otherNext, %toNext : f32, !llvm.ptr<1>
  }
  return
}

func.func @expected(%x: memref<128xf32>, %y: memref<128xf32>) {
  affine.for %i = 0 to 64 {
    %value = affine.load %x[63 - %i] : memref<128xf32>
    affine.store %value, %y[%i] : memref<128xf32>
    %next = affine.load %x[127 - %i] : memref<128xf32>
    affine.store %next, %y[64 + %i] : memref<128xf32>
  }
  return
}
