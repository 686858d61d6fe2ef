// RUN: not tokopt-sim %s | FileCheck %s
// The first thread reads the element before its buffer.

func.func @difference(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<64xf32>, fill = "uniform"}},
                      %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<64xf32>}})
    attributes {tok.launch = {threads = 64, shared = 0}, tok.sim = {}} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %zero = arith.constant 0.0 : f32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %index = arith.subi %thread, %c1 : i32
  %from = llvm.getelementptr %x[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  %before = llvm.getelementptr %x[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  %value = llvm.load %from : !llvm.ptr<1> -> f32
  %hasOne = arith.cmpi sge, %thread, %c0 : i32
  %other = scf.if %hasOne -> (f32) {
    // CHECK: [[#@LINE+1]]: error: out of bounds: block (0, 0, 0) thread 0: load of 4 bytes at x - 4
    %loaded = llvm.load %before : !llvm.ptr<1> -> f32
    scf.yield %loaded : f32
  } else {
    scf.yield %zero : f32
  }
  %difference = arith.subf %value, %other : f32
  %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  llvm.store %difference, %to : f32, !llvm.ptr<1>
  return
}
