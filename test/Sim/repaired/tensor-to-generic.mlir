// RUN: tokopt-sim %s --target=sm_90a | FileCheck %s
// A generic address is made the shared one where a box goes.

// CHECK: copy: clean for sm_90a

llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<0 x i8>

func.func @copy(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<10x64xf16>, fill = "ascending"}},
                %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<8x64xf16>}}, %map: !llvm.ptr)
    attributes {tok.launch = {threads = 64, shared = 1032, maps = [{argument = 2, buffer = 0, element = f16, sizes = [64, -1],
                              strides = [128], box = [64, 8], swizzle = 128}]}, tok.sim = {reference = @expected}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %mbarrier = llvm.getelementptr %shared[1024] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c4 = arith.constant 4 : i32
  %c8 = arith.constant 8 : i32
  %c16 = arith.constant 16 : i32
  %c128 = arith.constant 128 : i32
  %count = arith.constant 1 : i32
  %bytes = arith.constant 1024 : i32
  %false = arith.constant false
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %isFirst = arith.cmpi eq, %thread, %c0 : i32
  scf.if %isFirst {
    nvvm.mbarrier.init %mbarrier, %count : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
  }
  nvvm.barrier0
  // The box begins at row 4; its last two rows are beyond the tensor.
  scf.if %isFirst {
    nvvm.mbarrier.arrive.expect_tx %mbarrier, %bytes : !llvm.ptr<3>, i32
    %generic = llvm.addrspacecast %shared : !llvm.ptr<3> to !llvm.ptr
    %own = llvm.addrspacecast %generic : !llvm.ptr to !llvm.ptr<3>
    %cluster = llvm.addrspacecast %own : !llvm.ptr<3> to !llvm.ptr<7>
    nvvm.cp.async.bulk.tensor.shared.cluster.global %cluster, %map, %mbarrier, box[%c0, %c4] : !llvm.ptr<7>, !llvm.ptr
  }
  scf.while : () -> () {
    %hasEnded = nvvm.mbarrier.try_wait %mbarrier, %c0 : !llvm.ptr<3>, i32 -> i1
    %goesOn = arith.cmpi eq, %hasEnded, %false : i1
    scf.condition(%goesOn)
  } do {
    scf.yield
  }
  // A thread takes a chunk of 16 bytes, which lies where the row's number moves it.
  %row = arith.divui %thread, %c8 : i32
  %column = arith.remui %thread, %c8 : i32
  %place = arith.xori %column, %row : i32
  %rowBytes = arith.muli %row, %c128 : i32
  %placeBytes = arith.muli %place, %c16 : i32
  %fromBytes = arith.addi %rowBytes, %placeBytes : i32
  %columnBytes = arith.muli %column, %c16 : i32
  %at = arith.addi %rowBytes, %columnBytes : i32
  %from = llvm.getelementptr %shared[%fromBytes] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
  %chunk = llvm.load %from {alignment = 16 : i64} : !llvm.ptr<3> -> vector<8xf16>
  %to = llvm.getelementptr %y[%at] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
  llvm.store %chunk, %to {alignment = 16 : i64} : vector<8xf16>, !llvm.ptr<1>
  return
}

func.func @expected(%x: memref<10x64xf16>, %y: memref<8x64xf16>) {
  %zero = arith.constant 0.0 : f16
  affine.for %r = 0 to 6 {
    affine.for %c = 0 to 64 {
      %a = affine.load %x[%r + 4, %c] : memref<10x64xf16>
      affine.store %a, %y[%r, %c] : memref<8x64xf16>
    }
  }
  affine.for %r = 6 to 8 {
    affine.for %c = 0 to 64 {
      affine.store %zero, %y[%r, %c] : memref<8x64xf16>
    }
  }
  return
}
