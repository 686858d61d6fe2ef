// RUN: not tokopt-sim %s | FileCheck %s
// Copies swizzle the chunks of a row, but the reader does not.

llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<0 x i8>

func.func @read(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<8x64xf16>, fill = "ascending"}},
                %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<8x4x4x2xf16>}})
    attributes {tok.launch = {threads = 32, shared = 1024}, tok.sim = {reference = @expected}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %c4 = arith.constant 4 : i32
  %c8 = arith.constant 8 : i32
  %c16 = arith.constant 16 : i32
  %c128 = arith.constant 128 : i32
  %i0 = arith.constant 0 : i32
  %i1 = arith.constant 1 : i32
  %i2 = arith.constant 2 : i32
  %i3 = arith.constant 3 : i32
  %none = llvm.mlir.poison : vector<4xi32>
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  // Eight threads copy the chunks of a row; chunk c of row r goes to c ^ r.
  %chunk = arith.remui %thread, %c8 : i32
  %first = arith.divui %thread, %c8 : i32
  %second = arith.addi %first, %c4 : i32
  %place1 = arith.xori %chunk, %first : i32
  %place2 = arith.xori %chunk, %second : i32
  %column = arith.muli %chunk, %c16 : i32
  %column1 = arith.muli %place1, %c16 : i32
  %column2 = arith.muli %place2, %c16 : i32
  %row1 = arith.muli %first, %c128 : i32
  %row2 = arith.muli %second, %c128 : i32
  %in1 = arith.addi %row1, %column : i32
  %in2 = arith.addi %row2, %column : i32
  %out1 = arith.addi %row1, %column1 : i32
  %out2 = arith.addi %row2, %column2 : i32
  %from1 = llvm.getelementptr %x[%in1] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
  %from2 = llvm.getelementptr %x[%in2] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
  %to1 = llvm.getelementptr %shared[%out1] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
  %to2 = llvm.getelementptr %shared[%out2] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
  nvvm.cp.async.shared.global %to1, %from1, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
  nvvm.cp.async.shared.global %to2, %from2, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
  nvvm.cp.async.commit.group
  nvvm.cp.async.wait.group 0
  nvvm.barrier0
  // Lane 8 m + r gives the address of row r of matrix m, which is chunk m.
  %row = arith.remui %thread, %c8 : i32
  %matrix = arith.divui %thread, %c8 : i32
  %place = arith.addi %matrix, %i0 : i32
  %rowBytes = arith.muli %row, %c128 : i32
  %chunkBytes = arith.muli %place, %c16 : i32
  %at = arith.addi %rowBytes, %chunkBytes : i32
  %address = llvm.getelementptr %shared[%at] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
  %pairs = nvvm.ldmatrix %address {num = 4 : i32, layout = #nvvm.mma_layout<row>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> !llvm.struct<(i32, i32, i32, i32)>
  %p0 = llvm.extractvalue %pairs[0] : !llvm.struct<(i32, i32, i32, i32)>
  %p1 = llvm.extractvalue %pairs[1] : !llvm.struct<(i32, i32, i32, i32)>
  %p2 = llvm.extractvalue %pairs[2] : !llvm.struct<(i32, i32, i32, i32)>
  %p3 = llvm.extractvalue %pairs[3] : !llvm.struct<(i32, i32, i32, i32)>
  %v0 = llvm.insertelement %p0, %none[%i0 : i32] : vector<4xi32>
  %v1 = llvm.insertelement %p1, %v0[%i1 : i32] : vector<4xi32>
  %v2 = llvm.insertelement %p2, %v1[%i2 : i32] : vector<4xi32>
  %v3 = llvm.insertelement %p3, %v2[%i3 : i32] : vector<4xi32>
  %to = llvm.getelementptr %y[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, vector<4xi32>
  // CHECK: read: error: wrong result: y[32] is 72, but the reference gives 64 (and 223 more)
  // CHECK-NEXT: [[#@LINE+1]]: note: store of 16 bytes by block (0, 0, 0) thread 4
  llvm.store %v3, %to {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
  return
}

// Lane 4 g + t has columns 2 t and 2 t + 1 of row g of each matrix.
func.func @expected(%x: memref<8x64xf16>, %y: memref<8x4x4x2xf16>) {
  affine.for %g = 0 to 8 {
    affine.for %t = 0 to 4 {
      affine.for %m = 0 to 4 {
        affine.for %i = 0 to 2 {
          %value = affine.load %x[%g, 8 * %m + 2 * %t + %i] : memref<8x64xf16>
          affine.store %value, %y[%g, %t, %m, %i] : memref<8x4x4x2xf16>
        }
      }
    }
  }
  return
}
