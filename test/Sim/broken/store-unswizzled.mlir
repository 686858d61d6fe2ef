// RUN: not tokopt-sim %s --target=sm_90a | FileCheck %s
// Threads write the chunks of the box side by side, but the map swizzles them.

llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<0 x i8>

func.func @store(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<8x64xf16>, fill = "ascending"}},
                 %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<10x64xf16>, fill = "zero"}}, %map: !llvm.ptr)
    attributes {tok.launch = {threads = 64, shared = 1024, maps = [{argument = 2, buffer = 1, element = f16, sizes = [64, -1],
                              strides = [128], box = [64, 8], swizzle = 128}]}, tok.sim = {reference = @expected}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %c0 = arith.constant 0 : i32
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
  %own = llvm.getelementptr %shared[%at] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
  llvm.store %chunk, %own {alignment = 16 : i64} : vector<8xf16>, !llvm.ptr<3>
  nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}
  nvvm.barrier0
  // The box begins at row 4; its last two rows are beyond the tensor.
  scf.if %isFirst {
    nvvm.cp.async.bulk.tensor.global.shared.cta %map, %shared, box[%c0, %c4] : !llvm.ptr, !llvm.ptr<3>
    nvvm.cp.async.bulk.commit.group
    nvvm.cp.async.bulk.wait_group 0 {read}
  }
  return
}
// CHECK: store: error: wrong result: y[320] is
// CHECK-NEXT: by block (0, 0, 0) the stores of thread 0

func.func @expected(%x: memref<8x64xf16>, %y: memref<10x64xf16>) {
  affine.for %r = 0 to 6 {
    affine.for %c = 0 to 64 {
      %a = affine.load %x[%r, %c] : memref<8x64xf16>
      affine.store %a, %y[%r + 4, %c] : memref<10x64xf16>
    }
  }
  return
}
