// RUN: tokopt-sim %s --target=sm_90a | FileCheck %s
// Boxes of each number of dimensions are copied, with zeros for what is before the tensor's first element or behind its last; rows of the
// tensor are padded, and what is there is not taken. So are boxes whose chunks are swizzled, and one of bytes.

llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<0 x i8>

// CHECK: d1: clean for sm_90a
func.func @d1(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<104xf16>, fill = "ascending"}},
    %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<64xf16>}}, %map: !llvm.ptr)
    attributes {tok.launch = {threads = 8, shared = 136, maps = [{argument = 2, buffer = 0, element = f16, sizes = [100],
        strides = [], box = [64], swizzle = 0}]}, tok.sim = {reference = @d1_expected}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %mbarrier = llvm.getelementptr %shared[128] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c16 = arith.constant 16 : i32
  %bytes = arith.constant 128 : i32
  %false = arith.constant false
  %isFirst = arith.cmpi eq, %thread, %c0 : i32
  scf.if %isFirst {
    nvvm.mbarrier.init %mbarrier, %c1 : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
  }
  nvvm.barrier0
  scf.if %isFirst {
    %b0 = arith.constant -3 : i32
    nvvm.mbarrier.arrive.expect_tx %mbarrier, %bytes : !llvm.ptr<3>, i32
    %cluster = llvm.addrspacecast %shared : !llvm.ptr<3> to !llvm.ptr<7>
    nvvm.cp.async.bulk.tensor.shared.cluster.global %cluster, %map, %mbarrier, box[%b0] : !llvm.ptr<7>, !llvm.ptr
  }
  scf.while : () -> () {
    %hasEnded = nvvm.mbarrier.try_wait %mbarrier, %c0 : !llvm.ptr<3>, i32 -> i1
    %goesOn = arith.cmpi eq, %hasEnded, %false : i1
    scf.condition(%goesOn)
  } do {
    scf.yield
  }
  %at = arith.muli %thread, %c16 : i32
  %from = llvm.getelementptr %shared[%at] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
  %chunk = llvm.load %from {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
  %to = llvm.getelementptr %y[%at] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
  llvm.store %chunk, %to {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
  return
}
func.func @d1_expected(%x: memref<104xf16>, %y: memref<64xf16>) {
  %zero = arith.constant 0.0 : f16
  affine.for %i0 = 0 to 64 {
    affine.store %zero, %y[%i0] : memref<64xf16>
  }
  affine.for %i0 = 3 to 64 {
    %a = affine.load %x[%i0 - 3] : memref<104xf16>
    affine.store %a, %y[%i0] : memref<64xf16>
  }
  return
}

// CHECK: d2_swizzle128: clean for sm_90a
func.func @d2_swizzle128(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<10x72xf16>, fill = "ascending"}},
    %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<8x64xf16>}}, %map: !llvm.ptr)
    attributes {tok.launch = {threads = 64, shared = 1032, maps = [{argument = 2, buffer = 0, element = f16, sizes = [70, 10],
        strides = [144], box = [64, 8], swizzle = 128}]}, tok.sim = {reference = @d2_swizzle128_expected}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %mbarrier = llvm.getelementptr %shared[1024] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c16 = arith.constant 16 : i32
  %bytes = arith.constant 1024 : i32
  %false = arith.constant false
  %isFirst = arith.cmpi eq, %thread, %c0 : i32
  scf.if %isFirst {
    nvvm.mbarrier.init %mbarrier, %c1 : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
  }
  nvvm.barrier0
  scf.if %isFirst {
    %b0 = arith.constant -5 : i32
    %b1 = arith.constant -2 : i32
    nvvm.mbarrier.arrive.expect_tx %mbarrier, %bytes : !llvm.ptr<3>, i32
    %cluster = llvm.addrspacecast %shared : !llvm.ptr<3> to !llvm.ptr<7>
    nvvm.cp.async.bulk.tensor.shared.cluster.global %cluster, %map, %mbarrier, box[%b0, %b1] : !llvm.ptr<7>, !llvm.ptr
  }
  scf.while : () -> () {
    %hasEnded = nvvm.mbarrier.try_wait %mbarrier, %c0 : !llvm.ptr<3>, i32 -> i1
    %goesOn = arith.cmpi eq, %hasEnded, %false : i1
    scf.condition(%goesOn)
  } do {
    scf.yield
  }
  %at = arith.muli %thread, %c16 : i32
  // The row's number, as far as places repeat, moves its chunks: row / 1 mod 8.
  %chunks = arith.constant 8 : i32
  %rows = arith.constant 1 : i32
  %row = arith.divui %thread, %chunks : i32
  %column = arith.remui %thread, %chunks : i32
  %line = arith.divui %row, %rows : i32
  %moved = arith.remui %line, %chunks : i32
  %place = arith.xori %column, %moved : i32
  %before = arith.muli %row, %chunks : i32
  %number = arith.addi %before, %place : i32
  %fromBytes = arith.muli %number, %c16 : i32
  %from = llvm.getelementptr %shared[%fromBytes] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
  %chunk = llvm.load %from {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
  %to = llvm.getelementptr %y[%at] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
  llvm.store %chunk, %to {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
  return
}
func.func @d2_swizzle128_expected(%x: memref<10x72xf16>, %y: memref<8x64xf16>) {
  %zero = arith.constant 0.0 : f16
  affine.for %i1 = 0 to 8 {
    affine.for %i0 = 0 to 64 {
      affine.store %zero, %y[%i1, %i0] : memref<8x64xf16>
    }
  }
  affine.for %i1 = 2 to 8 {
    affine.for %i0 = 5 to 64 {
      %a = affine.load %x[%i1 - 2, %i0 - 5] : memref<10x72xf16>
      affine.store %a, %y[%i1, %i0] : memref<8x64xf16>
    }
  }
  return
}

// CHECK: d2_swizzle64: clean for sm_90a
func.func @d2_swizzle64(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<20x40xf16>, fill = "ascending"}},
    %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<16x32xf16>}}, %map: !llvm.ptr)
    attributes {tok.launch = {threads = 64, shared = 1032, maps = [{argument = 2, buffer = 0, element = f16, sizes = [40, 20],
        strides = [80], box = [32, 16], swizzle = 64}]}, tok.sim = {reference = @d2_swizzle64_expected}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %mbarrier = llvm.getelementptr %shared[1024] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c16 = arith.constant 16 : i32
  %bytes = arith.constant 1024 : i32
  %false = arith.constant false
  %isFirst = arith.cmpi eq, %thread, %c0 : i32
  scf.if %isFirst {
    nvvm.mbarrier.init %mbarrier, %c1 : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
  }
  nvvm.barrier0
  scf.if %isFirst {
    %b0 = arith.constant 13 : i32
    %b1 = arith.constant 9 : i32
    nvvm.mbarrier.arrive.expect_tx %mbarrier, %bytes : !llvm.ptr<3>, i32
    %cluster = llvm.addrspacecast %shared : !llvm.ptr<3> to !llvm.ptr<7>
    nvvm.cp.async.bulk.tensor.shared.cluster.global %cluster, %map, %mbarrier, box[%b0, %b1] : !llvm.ptr<7>, !llvm.ptr
  }
  scf.while : () -> () {
    %hasEnded = nvvm.mbarrier.try_wait %mbarrier, %c0 : !llvm.ptr<3>, i32 -> i1
    %goesOn = arith.cmpi eq, %hasEnded, %false : i1
    scf.condition(%goesOn)
  } do {
    scf.yield
  }
  %at = arith.muli %thread, %c16 : i32
  // The row's number, as far as places repeat, moves its chunks: row / 2 mod 4.
  %chunks = arith.constant 4 : i32
  %rows = arith.constant 2 : i32
  %row = arith.divui %thread, %chunks : i32
  %column = arith.remui %thread, %chunks : i32
  %line = arith.divui %row, %rows : i32
  %moved = arith.remui %line, %chunks : i32
  %place = arith.xori %column, %moved : i32
  %before = arith.muli %row, %chunks : i32
  %number = arith.addi %before, %place : i32
  %fromBytes = arith.muli %number, %c16 : i32
  %from = llvm.getelementptr %shared[%fromBytes] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
  %chunk = llvm.load %from {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
  %to = llvm.getelementptr %y[%at] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
  llvm.store %chunk, %to {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
  return
}
func.func @d2_swizzle64_expected(%x: memref<20x40xf16>, %y: memref<16x32xf16>) {
  %zero = arith.constant 0.0 : f16
  affine.for %i1 = 0 to 16 {
    affine.for %i0 = 0 to 32 {
      affine.store %zero, %y[%i1, %i0] : memref<16x32xf16>
    }
  }
  affine.for %i1 = 0 to 11 {
    affine.for %i0 = 0 to 27 {
      %a = affine.load %x[%i1 + 9, %i0 + 13] : memref<20x40xf16>
      affine.store %a, %y[%i1, %i0] : memref<16x32xf16>
    }
  }
  return
}

// CHECK: d2_swizzle32: clean for sm_90a
func.func @d2_swizzle32(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<40x16xf16>, fill = "ascending"}},
    %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<32x16xf16>}}, %map: !llvm.ptr)
    attributes {tok.launch = {threads = 64, shared = 1032, maps = [{argument = 2, buffer = 0, element = f16, sizes = [16, 40],
        strides = [32], box = [16, 32], swizzle = 32}]}, tok.sim = {reference = @d2_swizzle32_expected}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %mbarrier = llvm.getelementptr %shared[1024] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c16 = arith.constant 16 : i32
  %bytes = arith.constant 1024 : i32
  %false = arith.constant false
  %isFirst = arith.cmpi eq, %thread, %c0 : i32
  scf.if %isFirst {
    nvvm.mbarrier.init %mbarrier, %c1 : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
  }
  nvvm.barrier0
  scf.if %isFirst {
    %b0 = arith.constant -1 : i32
    %b1 = arith.constant 20 : i32
    nvvm.mbarrier.arrive.expect_tx %mbarrier, %bytes : !llvm.ptr<3>, i32
    %cluster = llvm.addrspacecast %shared : !llvm.ptr<3> to !llvm.ptr<7>
    nvvm.cp.async.bulk.tensor.shared.cluster.global %cluster, %map, %mbarrier, box[%b0, %b1] : !llvm.ptr<7>, !llvm.ptr
  }
  scf.while : () -> () {
    %hasEnded = nvvm.mbarrier.try_wait %mbarrier, %c0 : !llvm.ptr<3>, i32 -> i1
    %goesOn = arith.cmpi eq, %hasEnded, %false : i1
    scf.condition(%goesOn)
  } do {
    scf.yield
  }
  %at = arith.muli %thread, %c16 : i32
  // The row's number, as far as places repeat, moves its chunks: row / 4 mod 2.
  %chunks = arith.constant 2 : i32
  %rows = arith.constant 4 : i32
  %row = arith.divui %thread, %chunks : i32
  %column = arith.remui %thread, %chunks : i32
  %line = arith.divui %row, %rows : i32
  %moved = arith.remui %line, %chunks : i32
  %place = arith.xori %column, %moved : i32
  %before = arith.muli %row, %chunks : i32
  %number = arith.addi %before, %place : i32
  %fromBytes = arith.muli %number, %c16 : i32
  %from = llvm.getelementptr %shared[%fromBytes] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
  %chunk = llvm.load %from {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
  %to = llvm.getelementptr %y[%at] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
  llvm.store %chunk, %to {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
  return
}
func.func @d2_swizzle32_expected(%x: memref<40x16xf16>, %y: memref<32x16xf16>) {
  %zero = arith.constant 0.0 : f16
  affine.for %i1 = 0 to 32 {
    affine.for %i0 = 0 to 16 {
      affine.store %zero, %y[%i1, %i0] : memref<32x16xf16>
    }
  }
  affine.for %i1 = 0 to 20 {
    affine.for %i0 = 1 to 16 {
      %a = affine.load %x[%i1 + 20, %i0 - 1] : memref<40x16xf16>
      affine.store %a, %y[%i1, %i0] : memref<32x16xf16>
    }
  }
  return
}

// CHECK: d2_i8: clean for sm_90a
func.func @d2_i8(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<5x32xi8>, fill = "uniform"}},
    %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<4x32xi8>}}, %map: !llvm.ptr)
    attributes {tok.launch = {threads = 8, shared = 136, maps = [{argument = 2, buffer = 0, element = i8, sizes = [28, 5],
        strides = [32], box = [32, 4], swizzle = 0}]}, tok.sim = {reference = @d2_i8_expected}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %mbarrier = llvm.getelementptr %shared[128] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c16 = arith.constant 16 : i32
  %bytes = arith.constant 128 : i32
  %false = arith.constant false
  %isFirst = arith.cmpi eq, %thread, %c0 : i32
  scf.if %isFirst {
    nvvm.mbarrier.init %mbarrier, %c1 : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
  }
  nvvm.barrier0
  scf.if %isFirst {
    %b0 = arith.constant -3 : i32
    %b1 = arith.constant -1 : i32
    nvvm.mbarrier.arrive.expect_tx %mbarrier, %bytes : !llvm.ptr<3>, i32
    %cluster = llvm.addrspacecast %shared : !llvm.ptr<3> to !llvm.ptr<7>
    nvvm.cp.async.bulk.tensor.shared.cluster.global %cluster, %map, %mbarrier, box[%b0, %b1] : !llvm.ptr<7>, !llvm.ptr
  }
  scf.while : () -> () {
    %hasEnded = nvvm.mbarrier.try_wait %mbarrier, %c0 : !llvm.ptr<3>, i32 -> i1
    %goesOn = arith.cmpi eq, %hasEnded, %false : i1
    scf.condition(%goesOn)
  } do {
    scf.yield
  }
  %at = arith.muli %thread, %c16 : i32
  %from = llvm.getelementptr %shared[%at] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
  %chunk = llvm.load %from {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
  %to = llvm.getelementptr %y[%at] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
  llvm.store %chunk, %to {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
  return
}
func.func @d2_i8_expected(%x: memref<5x32xi8>, %y: memref<4x32xi8>) {
  %zero = arith.constant 0 : i8
  affine.for %i1 = 0 to 4 {
    affine.for %i0 = 0 to 32 {
      affine.store %zero, %y[%i1, %i0] : memref<4x32xi8>
    }
  }
  affine.for %i1 = 1 to 4 {
    affine.for %i0 = 3 to 31 {
      %a = affine.load %x[%i1 - 1, %i0 - 3] : memref<5x32xi8>
      affine.store %a, %y[%i1, %i0] : memref<4x32xi8>
    }
  }
  return
}

// CHECK: d3: clean for sm_90a
func.func @d3(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<4x3x16xf16>, fill = "ascending"}},
    %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<3x2x8xf16>}}, %map: !llvm.ptr)
    attributes {tok.launch = {threads = 6, shared = 104, maps = [{argument = 2, buffer = 0, element = f16, sizes = [12, 3, 4],
        strides = [32, 96], box = [8, 2, 3], swizzle = 0}]}, tok.sim = {reference = @d3_expected}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %mbarrier = llvm.getelementptr %shared[96] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c16 = arith.constant 16 : i32
  %bytes = arith.constant 96 : i32
  %false = arith.constant false
  %isFirst = arith.cmpi eq, %thread, %c0 : i32
  scf.if %isFirst {
    nvvm.mbarrier.init %mbarrier, %c1 : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
  }
  nvvm.barrier0
  scf.if %isFirst {
    %b0 = arith.constant 7 : i32
    %b1 = arith.constant 2 : i32
    %b2 = arith.constant -1 : i32
    nvvm.mbarrier.arrive.expect_tx %mbarrier, %bytes : !llvm.ptr<3>, i32
    %cluster = llvm.addrspacecast %shared : !llvm.ptr<3> to !llvm.ptr<7>
    nvvm.cp.async.bulk.tensor.shared.cluster.global %cluster, %map, %mbarrier, box[%b0, %b1, %b2] : !llvm.ptr<7>, !llvm.ptr
  }
  scf.while : () -> () {
    %hasEnded = nvvm.mbarrier.try_wait %mbarrier, %c0 : !llvm.ptr<3>, i32 -> i1
    %goesOn = arith.cmpi eq, %hasEnded, %false : i1
    scf.condition(%goesOn)
  } do {
    scf.yield
  }
  %at = arith.muli %thread, %c16 : i32
  %from = llvm.getelementptr %shared[%at] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
  %chunk = llvm.load %from {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
  %to = llvm.getelementptr %y[%at] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
  llvm.store %chunk, %to {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
  return
}
func.func @d3_expected(%x: memref<4x3x16xf16>, %y: memref<3x2x8xf16>) {
  %zero = arith.constant 0.0 : f16
  affine.for %i2 = 0 to 3 {
    affine.for %i1 = 0 to 2 {
      affine.for %i0 = 0 to 8 {
        affine.store %zero, %y[%i2, %i1, %i0] : memref<3x2x8xf16>
      }
    }
  }
  affine.for %i2 = 1 to 3 {
    affine.for %i1 = 0 to 1 {
      affine.for %i0 = 0 to 5 {
        %a = affine.load %x[%i2 - 1, %i1 + 2, %i0 + 7] : memref<4x3x16xf16>
        affine.store %a, %y[%i2, %i1, %i0] : memref<3x2x8xf16>
      }
    }
  }
  return
}

// CHECK: d4_f32: clean for sm_90a
func.func @d4_f32(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<3x2x3x8xf32>, fill = "ascending"}},
    %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<2x2x2x8xf32>}}, %map: !llvm.ptr)
    attributes {tok.launch = {threads = 16, shared = 264, maps = [{argument = 2, buffer = 0, element = f32, sizes = [8, 3, 2, 3],
        strides = [32, 96, 192], box = [8, 2, 2, 2], swizzle = 0}]}, tok.sim = {reference = @d4_f32_expected}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %mbarrier = llvm.getelementptr %shared[256] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c16 = arith.constant 16 : i32
  %bytes = arith.constant 256 : i32
  %false = arith.constant false
  %isFirst = arith.cmpi eq, %thread, %c0 : i32
  scf.if %isFirst {
    nvvm.mbarrier.init %mbarrier, %c1 : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
  }
  nvvm.barrier0
  scf.if %isFirst {
    %b0 = arith.constant 1 : i32
    %b1 = arith.constant 2 : i32
    %b2 = arith.constant -1 : i32
    %b3 = arith.constant 2 : i32
    nvvm.mbarrier.arrive.expect_tx %mbarrier, %bytes : !llvm.ptr<3>, i32
    %cluster = llvm.addrspacecast %shared : !llvm.ptr<3> to !llvm.ptr<7>
    nvvm.cp.async.bulk.tensor.shared.cluster.global %cluster, %map, %mbarrier, box[%b0, %b1, %b2, %b3] : !llvm.ptr<7>, !llvm.ptr
  }
  scf.while : () -> () {
    %hasEnded = nvvm.mbarrier.try_wait %mbarrier, %c0 : !llvm.ptr<3>, i32 -> i1
    %goesOn = arith.cmpi eq, %hasEnded, %false : i1
    scf.condition(%goesOn)
  } do {
    scf.yield
  }
  %at = arith.muli %thread, %c16 : i32
  %from = llvm.getelementptr %shared[%at] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
  %chunk = llvm.load %from {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
  %to = llvm.getelementptr %y[%at] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
  llvm.store %chunk, %to {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
  return
}
func.func @d4_f32_expected(%x: memref<3x2x3x8xf32>, %y: memref<2x2x2x8xf32>) {
  %zero = arith.constant 0.0 : f32
  affine.for %i3 = 0 to 2 {
    affine.for %i2 = 0 to 2 {
      affine.for %i1 = 0 to 2 {
        affine.for %i0 = 0 to 8 {
          affine.store %zero, %y[%i3, %i2, %i1, %i0] : memref<2x2x2x8xf32>
        }
      }
    }
  }
  affine.for %i3 = 0 to 1 {
    affine.for %i2 = 1 to 2 {
      affine.for %i1 = 0 to 1 {
        affine.for %i0 = 0 to 7 {
          %a = affine.load %x[%i3 + 2, %i2 - 1, %i1 + 2, %i0 + 1] : memref<3x2x3x8xf32>
          affine.store %a, %y[%i3, %i2, %i1, %i0] : memref<2x2x2x8xf32>
        }
      }
    }
  }
  return
}

// CHECK: d5: clean for sm_90a
func.func @d5(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<3x2x3x2x8xf16>, fill = "ascending"}},
    %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<2x2x1x2x8xf16>}}, %map: !llvm.ptr)
    attributes {tok.launch = {threads = 8, shared = 136, maps = [{argument = 2, buffer = 0, element = f16, sizes = [8, 2, 3, 2, 3],
        strides = [16, 32, 96, 192], box = [8, 2, 1, 2, 2], swizzle = 0}]}, tok.sim = {reference = @d5_expected}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %mbarrier = llvm.getelementptr %shared[128] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c16 = arith.constant 16 : i32
  %bytes = arith.constant 128 : i32
  %false = arith.constant false
  %isFirst = arith.cmpi eq, %thread, %c0 : i32
  scf.if %isFirst {
    nvvm.mbarrier.init %mbarrier, %c1 : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
  }
  nvvm.barrier0
  scf.if %isFirst {
    %b0 = arith.constant -4 : i32
    %b1 = arith.constant -1 : i32
    %b2 = arith.constant 0 : i32
    %b3 = arith.constant 1 : i32
    %b4 = arith.constant 2 : i32
    nvvm.mbarrier.arrive.expect_tx %mbarrier, %bytes : !llvm.ptr<3>, i32
    %cluster = llvm.addrspacecast %shared : !llvm.ptr<3> to !llvm.ptr<7>
    nvvm.cp.async.bulk.tensor.shared.cluster.global %cluster, %map, %mbarrier, box[%b0, %b1, %b2, %b3, %b4] : !llvm.ptr<7>, !llvm.ptr
  }
  scf.while : () -> () {
    %hasEnded = nvvm.mbarrier.try_wait %mbarrier, %c0 : !llvm.ptr<3>, i32 -> i1
    %goesOn = arith.cmpi eq, %hasEnded, %false : i1
    scf.condition(%goesOn)
  } do {
    scf.yield
  }
  %at = arith.muli %thread, %c16 : i32
  %from = llvm.getelementptr %shared[%at] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
  %chunk = llvm.load %from {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
  %to = llvm.getelementptr %y[%at] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
  llvm.store %chunk, %to {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
  return
}
func.func @d5_expected(%x: memref<3x2x3x2x8xf16>, %y: memref<2x2x1x2x8xf16>) {
  %zero = arith.constant 0.0 : f16
  affine.for %i4 = 0 to 2 {
    affine.for %i3 = 0 to 2 {
      affine.for %i2 = 0 to 1 {
        affine.for %i1 = 0 to 2 {
          affine.for %i0 = 0 to 8 {
            affine.store %zero, %y[%i4, %i3, %i2, %i1, %i0] : memref<2x2x1x2x8xf16>
          }
        }
      }
    }
  }
  affine.for %i4 = 0 to 1 {
    affine.for %i3 = 0 to 1 {
      affine.for %i2 = 0 to 1 {
        affine.for %i1 = 1 to 2 {
          affine.for %i0 = 4 to 8 {
            %a = affine.load %x[%i4 + 2, %i3 + 1, %i2, %i1 - 1, %i0 - 4] : memref<3x2x3x2x8xf16>
            affine.store %a, %y[%i4, %i3, %i2, %i1, %i0] : memref<2x2x1x2x8xf16>
          }
        }
      }
    }
  }
  return
}
