// RUN: tokopt-sim %s | FileCheck %s
// What PTX defines and LLVM does not: shifts by more than there are bits, and
// numbers that an integer does not hold.

// CHECK: shift: clean for sm_80
func.func @shift(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<64xi32>, fill = "ascending"}},
                 %n: i32 {tok.sim = {value = -8 : i32}},
                 %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<3x64xi32>}})
    attributes {tok.launch = {threads = 64, shared = 0}, tok.sim = {reference = @shifted}} {
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %from = llvm.getelementptr %x[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  %amount = llvm.load %from : !llvm.ptr<1> -> i32
  %left = arith.shli %n, %amount : i32
  %right = arith.shrui %n, %amount : i32
  %signed = arith.shrsi %n, %amount : i32
  %to = llvm.getelementptr %y[0, %thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, !llvm.array<64 x i32>
  llvm.store %left, %to : i32, !llvm.ptr<1>
  %second = llvm.getelementptr %to[64] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  llvm.store %right, %second : i32, !llvm.ptr<1>
  %third = llvm.getelementptr %to[128] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  llvm.store %signed, %third : i32, !llvm.ptr<1>
  return
}

func.func @shifted(%x: memref<64xi32>, %n: i32, %y: memref<3x64xi32>) {
  %c0 = arith.constant 0 : i32
  %all = arith.constant -1 : i32
  affine.for %i = 0 to 32 {
    %amount = arith.index_cast %i : index to i32
    %left = arith.shli %n, %amount : i32
    affine.store %left, %y[0, %i] : memref<3x64xi32>
    %right = arith.shrui %n, %amount : i32
    affine.store %right, %y[1, %i] : memref<3x64xi32>
    %signed = arith.shrsi %n, %amount : i32
    affine.store %signed, %y[2, %i] : memref<3x64xi32>
  }
  affine.for %i = 32 to 64 {
    affine.store %c0, %y[0, %i] : memref<3x64xi32>
    affine.store %c0, %y[1, %i] : memref<3x64xi32>
    affine.store %all, %y[2, %i] : memref<3x64xi32>
  }
  return
}

// A thread has zero, which makes infinity, its negative and no number.
// CHECK: convert: clean for sm_80
func.func @convert(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<3xf32>, fill = "ascending"}},
                   %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<9xi32>}},
                   %z: !llvm.ptr<1> {tok.sim = {name = "z", buffer = tensor<6xi64>}})
    attributes {tok.launch = {threads = 3, shared = 0}, tok.sim = {reference = @converted}} {
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %from = llvm.getelementptr %x[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  // 0, 1 and 2 become nothing, the largest and the smallest.
  %number = llvm.load %from : !llvm.ptr<1> -> f32
  %one = arith.constant 1.5 : f32
  %zero = arith.constant 0.0 : f32
  %large = arith.constant 1.0e+30 : f32
  %ahead = arith.subf %one, %number : f32
  %scaled = arith.mulf %ahead, %large : f32
  %isFirst = arith.cmpf oeq, %number, %zero : f32
  %nothing = arith.divf %number, %zero : f32
  %a = arith.select %isFirst, %nothing, %scaled : f32
  %signed = arith.fptosi %a : f32 to i32
  %unsigned = arith.fptoui %a : f32 to i32
  %short = arith.fptosi %a : f32 to i16
  %long = arith.fptosi %a : f32 to i64
  %unsignedLong = arith.fptoui %a : f32 to i64
  %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %signed, %to : i32, !llvm.ptr<1>
  %second = llvm.getelementptr %to[3] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  llvm.store %unsigned, %second : i32, !llvm.ptr<1>
  %third = llvm.getelementptr %to[6] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
  %wide = arith.extsi %short : i16 to i32
  llvm.store %wide, %third : i32, !llvm.ptr<1>
  %toLong = llvm.getelementptr %z[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i64
  llvm.store %long, %toLong : i64, !llvm.ptr<1>
  %secondLong = llvm.getelementptr %toLong[3] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i64
  llvm.store %unsignedLong, %secondLong : i64, !llvm.ptr<1>
  return
}

func.func @converted(%x: memref<3xf32>, %y: memref<9xi32>, %z: memref<6xi64>) {
  %c0 = arith.constant 0 : i32
  %all = arith.constant -1 : i32
  %largest = arith.constant 2147483647 : i32
  %smallest = arith.constant -2147483648 : i32
  %largestShort = arith.constant 32767 : i32
  %smallestShort = arith.constant -32768 : i32
  %zeroLong = arith.constant 0 : i64
  %allLong = arith.constant -1 : i64
  %largestLong = arith.constant 9223372036854775807 : i64
  %smallestLong = arith.constant -9223372036854775808 : i64
  affine.store %c0, %y[0] : memref<9xi32>
  affine.store %largest, %y[1] : memref<9xi32>
  affine.store %smallest, %y[2] : memref<9xi32>
  affine.store %c0, %y[3] : memref<9xi32>
  affine.store %all, %y[4] : memref<9xi32>
  affine.store %c0, %y[5] : memref<9xi32>
  affine.store %c0, %y[6] : memref<9xi32>
  affine.store %largestShort, %y[7] : memref<9xi32>
  affine.store %smallestShort, %y[8] : memref<9xi32>
  affine.store %smallestLong, %z[0] : memref<6xi64>
  affine.store %largestLong, %z[1] : memref<6xi64>
  affine.store %smallestLong, %z[2] : memref<6xi64>
  affine.store %smallestLong, %z[3] : memref<6xi64>
  affine.store %allLong, %z[4] : memref<6xi64>
  affine.store %zeroLong, %z[5] : memref<6xi64>
  return
}
