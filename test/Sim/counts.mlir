// RUN: tokopt-sim %s --counts | FileCheck %s
// A tile is stored by rows and read by columns of shared memory: each column lies in one bank. Global memory is read side by side
// and written 128 bytes apart. Nothing of it is wrong, and all of it is counted.

llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>

func.func @transpose(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<32xf32>, fill = "uniform"}},
                     %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<1024xf32>, fill = "zero"}})
    attributes {tok.launch = {threads = 32, shared = 4096}, tok.sim = {}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %c32 = arith.constant 32 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %from = llvm.getelementptr %x[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  // CHECK: counts.mlir:[[#@LINE+1]]: load of 4 bytes of global memory: 1 requests, 128 bytes, 4 sectors{{$}}
  %value = llvm.load %from : !llvm.ptr<1> -> f32
  %column = arith.muli %thread, %c32 : i32
  %mine = llvm.getelementptr %shared[%column] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, f32
  // CHECK: counts.mlir:[[#@LINE+1]]: store of 4 bytes of shared memory: 1 requests, 128 bytes, 32 passes, but 1 would do
  llvm.store %value, %mine : f32, !llvm.ptr<3>
  nvvm.barrier0
  // Every lane reads the same word.
  // CHECK: counts.mlir:[[#@LINE+1]]: load of 4 bytes of shared memory: 1 requests, 4 bytes, 1 passes{{$}}
  %first = llvm.load %shared : !llvm.ptr<3> -> f32
  %sum = arith.addf %value, %first : f32
  %to = llvm.getelementptr %y[%column] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  // CHECK: counts.mlir:[[#@LINE+1]]: store of 4 bytes of global memory: 1 requests, 128 bytes, 32 sectors, but 4 would do
  llvm.store %sum, %to : f32, !llvm.ptr<1>
  // CHECK: transpose: clean
  return
}
