// RUN: tokopt-sim %s | FileCheck %s
// RUN: tokopt-sim %s --seed=3 | FileCheck %s
// Each kind of shuffle in segments of eight lanes, with lanes on both sides of their ends, and what it says of them; each kind of vote,
// by a whole warp and by half of one. References follow the formulas of the PTX ISA ("shfl.sync", "vote.sync").

// CHECK: shuffles: clean for sm_80
func.func @shuffles(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<8x64xi32>}})
    attributes {tok.launch = {threads = 64, shared = 0}, tok.sim = {reference = @shuffled}} {
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %all = arith.constant -1 : i32
  // The segments' mask, 24, in bits 8 to 12; the last lane of a segment, or for `up` the first.
  %last = arith.constant 6175 : i32
  %first = arith.constant 6144 : i32
  %c3 = arith.constant 3 : i32
  %c9 = arith.constant 9 : i32
  %c13 = arith.constant 13 : i32
  %c100 = arith.constant 100 : i32
  %value = arith.addi %thread, %c100 : i32
  %xor = nvvm.shfl.sync bfly %all, %value, %c9, %last {return_value_and_is_valid} : i32 -> !llvm.struct<(i32, i1)>
  %up = nvvm.shfl.sync up %all, %value, %c3, %first {return_value_and_is_valid} : i32 -> !llvm.struct<(i32, i1)>
  %down = nvvm.shfl.sync down %all, %value, %c3, %last {return_value_and_is_valid} : i32 -> !llvm.struct<(i32, i1)>
  %idx = nvvm.shfl.sync idx %all, %value, %c13, %last {return_value_and_is_valid} : i32 -> !llvm.struct<(i32, i1)>
  %v0 = llvm.extractvalue %xor[0] : !llvm.struct<(i32, i1)>
  %v1 = llvm.extractvalue %up[0] : !llvm.struct<(i32, i1)>
  %v2 = llvm.extractvalue %down[0] : !llvm.struct<(i32, i1)>
  %v3 = llvm.extractvalue %idx[0] : !llvm.struct<(i32, i1)>
  %b0 = llvm.extractvalue %xor[1] : !llvm.struct<(i32, i1)>
  %b1 = llvm.extractvalue %up[1] : !llvm.struct<(i32, i1)>
  %b2 = llvm.extractvalue %down[1] : !llvm.struct<(i32, i1)>
  %b3 = llvm.extractvalue %idx[1] : !llvm.struct<(i32, i1)>
  %v4 = arith.extui %b0 : i1 to i32
  %v5 = arith.extui %b1 : i1 to i32
  %v6 = arith.extui %b2 : i1 to i32
  %v7 = arith.extui %b3 : i1 to i32
  %p0 = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  %p1 = llvm.getelementptr %p0[64] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %p2 = llvm.getelementptr %p0[128] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %p3 = llvm.getelementptr %p0[192] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %p4 = llvm.getelementptr %p0[256] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %p5 = llvm.getelementptr %p0[320] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %p6 = llvm.getelementptr %p0[384] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %p7 = llvm.getelementptr %p0[448] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  llvm.store %v0, %p0 : i32, !llvm.ptr<1>
  llvm.store %v1, %p1 : i32, !llvm.ptr<1>
  llvm.store %v2, %p2 : i32, !llvm.ptr<1>
  llvm.store %v3, %p3 : i32, !llvm.ptr<1>
  llvm.store %v4, %p4 : i32, !llvm.ptr<1>
  llvm.store %v5, %p5 : i32, !llvm.ptr<1>
  llvm.store %v6, %p6 : i32, !llvm.ptr<1>
  llvm.store %v7, %p7 : i32, !llvm.ptr<1>
  return
}

// Lane `from` of the warp gives its value if it is valid, else the lane keeps its own.
func.func private @note(%y: memref<8x64xi32>, %row: index, %t: index, %from: index, %valid: i1) {
  %c4 = arith.constant 4 : index
  %c32 = arith.constant 32 : index
  %c100 = arith.constant 100 : index
  %warp = arith.divui %t, %c32 : index
  %base = arith.muli %warp, %c32 : index
  %source = arith.addi %base, %from : index
  %lane = arith.select %valid, %source, %t : index
  %value = arith.addi %lane, %c100 : index
  %bits = arith.index_cast %value : index to i32
  memref.store %bits, %y[%row, %t] : memref<8x64xi32>
  %flags = arith.addi %row, %c4 : index
  %flag = arith.extui %valid : i1 to i32
  memref.store %flag, %y[%flags, %t] : memref<8x64xi32>
  return
}

func.func @shuffled(%y: memref<8x64xi32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c5 = arith.constant 5 : index
  %c7 = arith.constant 7 : index
  %c8 = arith.constant 8 : index
  %c9 = arith.constant 9 : index
  %c32 = arith.constant 32 : index
  %c64 = arith.constant 64 : index
  %true = arith.constant true
  scf.for %t = %c0 to %c64 step %c1 {
    %lane = arith.remui %t, %c32 : index
    %in = arith.remui %lane, %c8 : index
    %low = arith.subi %lane, %in : index
    %high = arith.addi %low, %c7 : index
    // lane ^ 9, in its own segment or one before it.
    %other = arith.xori %lane, %c9 : index
    %isBefore = arith.cmpi ule, %other, %high : index
    func.call @note(%y, %c0, %t, %other, %isBefore) : (memref<8x64xi32>, index, index, index, i1) -> ()
    // lane - 3 and lane + 3.
    %hasLower = arith.cmpi uge, %in, %c3 : index
    %lower = arith.subi %lane, %c3 : index
    func.call @note(%y, %c1, %t, %lower, %hasLower) : (memref<8x64xi32>, index, index, index, i1) -> ()
    %upper = arith.addi %lane, %c3 : index
    %hasUpper = arith.cmpi ule, %upper, %high : index
    func.call @note(%y, %c2, %t, %upper, %hasUpper) : (memref<8x64xi32>, index, index, index, i1) -> ()
    // Lane 13 is number 5 of any segment.
    %fifth = arith.addi %low, %c5 : index
    func.call @note(%y, %c3, %t, %fifth, %true) : (memref<8x64xi32>, index, index, index, i1) -> ()
  }
  return
}

// CHECK: votes: clean for sm_80
func.func @votes(%y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<8xi32>}})
    attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {reference = @voted}} {
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c16 = arith.constant 16 : i32
  %c20 = arith.constant 20 : i32
  %c32 = arith.constant 32 : i32
  %all = arith.constant -1 : i32
  %lower = arith.constant 65535 : i32
  %isBelow20 = arith.cmpi ult, %thread, %c20 : i32
  %isBelow32 = arith.cmpi ult, %thread, %c32 : i32
  %isFirst = arith.cmpi eq, %thread, %c0 : i32
  %ballot = nvvm.vote.sync ballot %all, %isBelow20 -> i32
  %some = nvvm.vote.sync any %all, %isBelow20 -> i1
  %every = nvvm.vote.sync all %all, %isBelow20 -> i1
  %same = nvvm.vote.sync uni %all, %isBelow20 -> i1
  %everyone = nvvm.vote.sync all %all, %isBelow32 -> i1
  // The lanes from 16 on are elsewhere.
  %isLower = arith.cmpi ult, %thread, %c16 : i32
  scf.if %isLower {
    %half = nvvm.vote.sync ballot %lower, %isBelow20 -> i32
    %none = arith.cmpi ugt, %thread, %c20 : i32
    %noneOfHalf = nvvm.vote.sync any %lower, %none -> i1
    %sameInHalf = nvvm.vote.sync uni %lower, %none -> i1
    scf.if %isFirst {
      %v1 = arith.extui %some : i1 to i32
      %v2 = arith.extui %every : i1 to i32
      %v3 = arith.extui %same : i1 to i32
      %v4 = arith.extui %everyone : i1 to i32
      %v6 = arith.extui %noneOfHalf : i1 to i32
      %v7 = arith.extui %sameInHalf : i1 to i32
      %p1 = llvm.getelementptr %y[1] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
      %p2 = llvm.getelementptr %y[2] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
      %p3 = llvm.getelementptr %y[3] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
      %p4 = llvm.getelementptr %y[4] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
      %p5 = llvm.getelementptr %y[5] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
      %p6 = llvm.getelementptr %y[6] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
      %p7 = llvm.getelementptr %y[7] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
      llvm.store %ballot, %y : i32, !llvm.ptr<1>
      llvm.store %v1, %p1 : i32, !llvm.ptr<1>
      llvm.store %v2, %p2 : i32, !llvm.ptr<1>
      llvm.store %v3, %p3 : i32, !llvm.ptr<1>
      llvm.store %v4, %p4 : i32, !llvm.ptr<1>
      llvm.store %half, %p5 : i32, !llvm.ptr<1>
      llvm.store %v6, %p6 : i32, !llvm.ptr<1>
      llvm.store %v7, %p7 : i32, !llvm.ptr<1>
    }
  }
  return
}

func.func @voted(%y: memref<8xi32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %c5 = arith.constant 5 : index
  %c6 = arith.constant 6 : index
  %c7 = arith.constant 7 : index
  %no = arith.constant 0 : i32
  %yes = arith.constant 1 : i32
  // Lanes 0 to 19, and 0 to 15.
  %below20 = arith.constant 1048575 : i32
  %below16 = arith.constant 65535 : i32
  memref.store %below20, %y[%c0] : memref<8xi32>
  memref.store %yes, %y[%c1] : memref<8xi32>
  memref.store %no, %y[%c2] : memref<8xi32>
  memref.store %no, %y[%c3] : memref<8xi32>
  memref.store %yes, %y[%c4] : memref<8xi32>
  memref.store %below16, %y[%c5] : memref<8xi32>
  memref.store %no, %y[%c6] : memref<8xi32>
  memref.store %yes, %y[%c7] : memref<8xi32>
  return
}
