// RUN: not tokopt-sim %s | FileCheck %s
// Half of the givers arrive at a barrier that waits for all.

llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>

func.func @hand(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<64xf32>, fill = "uniform"}},
                %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<64xf32>}})
    attributes {tok.launch = {threads = 128, shared = 256}, tok.sim = {reference = @expected}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %c1 = arith.constant 1 : i32
  %c32 = arith.constant 32 : i32
  %c63 = arith.constant 63 : i32
  %c64 = arith.constant 64 : i32
  %c128 = arith.constant 128 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %isGiver = arith.cmpi ult, %thread, %c64 : i32
  scf.if %isGiver {
    %from = llvm.getelementptr %x[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    %value = llvm.load %from : !llvm.ptr<1> -> f32
    %mine = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
    llvm.store %value, %mine : f32, !llvm.ptr<3>
    %isFirst = arith.cmpi ult, %thread, %c32 : i32
    scf.if %isFirst {
      nvvm.barrier.arrive id = %c1 number_of_threads = %c128
    }
  } else {
    %taker = arith.subi %thread, %c64 : i32
    %place = arith.subi %c63, %taker : i32
    %theirs = llvm.getelementptr %shared[%place] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
    %to = llvm.getelementptr %y[%taker] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    // CHECK: [[#@LINE+1]]: error: deadlock: block (0, 0, 0) thread 64: barrier.cta.sync.aligned.count waits for ever at barrier 1, which has 96 of 128 arrivals: thread 0 has ended without coming here (and 63 more)
    nvvm.barrier id = %c1 number_of_threads = %c128
    %other = llvm.load %theirs : !llvm.ptr<3> -> f32
    llvm.store %other, %to : f32, !llvm.ptr<1>
  }
  return
}

func.func @expected(%x: memref<64xf32>, %y: memref<64xf32>) {
  affine.for %i = 0 to 64 {
    %value = affine.load %x[63 - %i] : memref<64xf32>
    affine.store %value, %y[%i] : memref<64xf32>
  }
  return
}
