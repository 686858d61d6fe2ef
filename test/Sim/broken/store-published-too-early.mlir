// RUN: not tokopt-sim %s --target=sm_90a | FileCheck %s
// A block counts itself when its box has been read, but has not arrived, and another reads it.

llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<0 x i8>

func.func @store(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<8x64xf16>, fill = "ascending"}},
                 %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<16x64xf16>, fill = "zero"}}, %z: !llvm.ptr<1> {tok.sim = {name = "z", buffer = tensor<16x64xf16>}},
                 %counter: !llvm.ptr<1> {tok.sim = {name = "counter", buffer = tensor<1xi32>, fill = "zero"}}, %map: !llvm.ptr)
    attributes {tok.launch = {threads = 64, shared = 1028, maps = [{argument = 4, buffer = 1, element = f16, sizes = [64, -1],
                              strides = [128], box = [64, 8], swizzle = 128}]}, tok.sim = {grid = [2], reference = @expected}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %order = llvm.getelementptr %shared[1024] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c4 = arith.constant 4 : i32
  %c8 = arith.constant 8 : i32
  %c16 = arith.constant 16 : i32
  %c128 = arith.constant 128 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %isFirst = arith.cmpi eq, %thread, %c0 : i32
  // A thread takes a chunk of 16 bytes, which lies where the row's number moves it.
  %row = arith.divui %thread, %c8 : i32
  %column = arith.remui %thread, %c8 : i32
  %place = arith.xori %column, %row : i32
  %rowBytes = arith.muli %row, %c128 : i32
  %placeBytes = arith.muli %place, %c16 : i32
  %to = arith.addi %rowBytes, %placeBytes : i32
  %at = arith.muli %thread, %c16 : i32
  %from = llvm.getelementptr %x[%at] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
  %chunk = llvm.load %from {alignment = 16 : i64} : !llvm.ptr<1> -> vector<8xf16>
  %own = llvm.getelementptr %shared[%to] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
  llvm.store %chunk, %own {alignment = 16 : i64} : vector<8xf16>, !llvm.ptr<3>
  nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}
  nvvm.barrier0
  // A block stores its eight rows, and counts itself.
  %number = nvvm.read.ptx.sreg.ctaid.x : i32
  %begin = arith.muli %number, %c8 : i32
  scf.if %isFirst {
    nvvm.cp.async.bulk.tensor.global.shared.cta %map, %shared, box[%c0, %begin] : !llvm.ptr, !llvm.ptr<3>
    nvvm.cp.async.bulk.commit.group
    nvvm.cp.async.bulk.wait_group 0 {read}
    llvm.fence syncscope("device") acq_rel
    %before = llvm.atomicrmw add %counter, %c1 syncscope("device") monotonic {alignment = 4 : i64} : !llvm.ptr<1>, i32
    llvm.fence syncscope("device") acq_rel
    llvm.store %before, %order : i32, !llvm.ptr<3>
  }
  nvvm.barrier0
  // The last block reads the rows of both.
  %mine = llvm.load %order : !llvm.ptr<3> -> i32
  %isLast = arith.cmpi eq, %mine, %c1 : i32
  scf.if %isLast {
    %c2 = arith.constant 2 : i32
    %c1024 = arith.constant 1024 : i32
    scf.for %half = %c0 to %c2 step %c1 : i32 {
      %halfBytes = arith.muli %half, %c1024 : i32
      %bytes = arith.addi %halfBytes, %at : i32
      %stored = llvm.getelementptr %y[%bytes] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      // CHECK: [[#@LINE+1]]: error: in flight: block ({{[01]}}, 0, 0) thread 0: load of 16 bytes at y + 0, where a copy has not arrived
      %again = llvm.load %stored {alignment = 16 : i64} : !llvm.ptr<1> -> vector<8xf16>
      %result = llvm.getelementptr %z[%bytes] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      llvm.store %again, %result {alignment = 16 : i64} : vector<8xf16>, !llvm.ptr<1>
    }
  }
  return
}

func.func @expected(%x: memref<8x64xf16>, %y: memref<16x64xf16>, %z: memref<16x64xf16>, %counter: memref<1xi32>) {
  affine.for %r = 0 to 16 {
    affine.for %c = 0 to 64 {
      %a = affine.load %x[%r mod 8, %c] : memref<8x64xf16>
      affine.store %a, %y[%r, %c] : memref<16x64xf16>
      affine.store %a, %z[%r, %c] : memref<16x64xf16>
    }
  }
  %two = arith.constant 2 : i32
  affine.store %two, %counter[0] : memref<1xi32>
  return
}
