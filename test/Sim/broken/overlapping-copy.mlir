// RUN: not tokopt-sim %s | FileCheck %s
// A copy, as memcpy, to a place that overlaps where it comes from.

func.func @move(%n: i64 {tok.sim = {value = 12 : i64}},
                %x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<4xi32>, fill = "ascending"}})
    attributes {tok.launch = {threads = 1, shared = 0}, tok.sim = {reference = @expected}} {
  %next = llvm.getelementptr %x[4] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i8
  // CHECK: [[#@LINE+1]]: error: bad copy: block (0, 0, 0) thread 0: copy writes to what it reads
  "llvm.intr.memcpy"(%next, %x, %n) <{isVolatile = false}> : (!llvm.ptr<1>, !llvm.ptr<1>, i64) -> ()
  return
}

func.func @expected(%n: i64, %x: memref<4xi32>) {
  %a = affine.load %x[0] : memref<4xi32>
  %b = affine.load %x[1] : memref<4xi32>
  %c = affine.load %x[2] : memref<4xi32>
  affine.store %a, %x[1] : memref<4xi32>
  affine.store %b, %x[2] : memref<4xi32>
  affine.store %c, %x[3] : memref<4xi32>
  return
}
