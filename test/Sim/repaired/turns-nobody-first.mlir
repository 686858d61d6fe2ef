// RUN: tokopt-sim %s | FileCheck %s
// The second warp gives the first its first turn.

// CHECK: turns: clean for sm_80

func.func @turns(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<1xf32>, fill = "zero"}})
    attributes {tok.launch = {threads = 64, shared = 0}, tok.sim = {reference = @expected}} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c2 = arith.constant 2 : i32
  %c3 = arith.constant 3 : i32
  %c32 = arith.constant 32 : i32
  %c64 = arith.constant 64 : i32
  %one = arith.constant 1.0 : f32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %warp = arith.divui %thread, %c32 : i32
  %lane = arith.remui %thread, %c32 : i32
  %isFirst = arith.cmpi eq, %lane, %c0 : i32
  %isSecondWarp = arith.cmpi eq, %warp, %c1 : i32
  %other = arith.subi %c1, %warp : i32
  // Barrier 1 is the first warp's turn, barrier 2 the second's.
  %mine = arith.addi %warp, %c1 : i32
  %theirs = arith.addi %other, %c1 : i32
  scf.if %isSecondWarp {
    nvvm.barrier.arrive id = %theirs number_of_threads = %c64
  }
  scf.for %i = %c0 to %c3 step %c1 : i32 {
    nvvm.barrier id = %mine number_of_threads = %c64
    // Both warps add to one number, one after the other.
    scf.if %isFirst {
      %sum = llvm.load %y : !llvm.ptr<1> -> f32
      %next = arith.addf %sum, %one : f32
      llvm.store %next, %y : f32, !llvm.ptr<1>
    }
    nvvm.barrier.arrive id = %theirs number_of_threads = %c64
  }
  %isFirstWarp = arith.cmpi eq, %warp, %c0 : i32
  scf.if %isFirstWarp {
    nvvm.barrier id = %mine number_of_threads = %c64
  }
  return
}

func.func @expected(%y: memref<1xf32>) {
  %six = arith.constant 6.0 : f32
  affine.store %six, %y[0] : memref<1xf32>
  return
}
