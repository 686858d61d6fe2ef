// RUN: tokopt-sim %s --counts | FileCheck %s
// A product of bf16 by way of cp.async that fills up with zeros, ldmatrix with and without transposition, and mma.sync. All numbers are
// integers, so the result is exact.

// CHECK: multiply: 1 products of 16 x 16 by 16 x 8
// CHECK-NEXT: multiply: clean for sm_80

llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>

#elements = #nvvm.shape<m = 16, n = 8, k = 16>
func.func @multiply(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<16x16xbf16>, fill = "ascending"}},
                    %w: !llvm.ptr<1> {tok.sim = {name = "w", buffer = tensor<12x8xbf16>, fill = "ascending"}},
                    %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<16x8xf32>}})
    attributes {tok.launch = {threads = 32, shared = 768}, tok.sim = {reference = @expected}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %c0 = arith.constant 0 : i32
  %c12 = arith.constant 12 : i32
  %c2 = arith.constant 2 : i32
  %c4 = arith.constant 4 : i32
  %c8 = arith.constant 8 : i32
  %c16 = arith.constant 16 : i32
  %c32 = arith.constant 32 : i32
  %zero = arith.constant 0.0 : f32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  // Each thread copies 16 bytes of x, half of them a row of w behind it; of the four rows that w lacks nothing is taken, and zeros
  // stand there.
  %bytes = arith.muli %thread, %c16 : i32
  %fromX = llvm.getelementptr %x[%bytes] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
  %toX = llvm.getelementptr %shared[%bytes] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
  nvvm.cp.async.shared.global %toX, %fromX, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
  nvvm.cp.async.commit.group
  %shareOfW = llvm.getelementptr %shared[512] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
  %takesW = arith.cmpi ult, %thread, %c16 : i32
  scf.if %takesW {
    %exists = arith.cmpi ult, %thread, %c12 : i32
    %taken = arith.select %exists, %c16, %c0 : i32
    %fromW = llvm.getelementptr %w[%bytes] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    %toW = llvm.getelementptr %shareOfW[%bytes] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    nvvm.cp.async.shared.global %toW, %fromW, 16, cache = cg, %taken : !llvm.ptr<3>, !llvm.ptr<1>, i32
  }
  nvvm.cp.async.commit.group
  nvvm.cp.async.wait.group 0
  nvvm.barrier0
  // Lanes give the addresses of rows: of four matrices of x, of two of w.
  %lane16 = arith.remui %thread, %c16 : i32
  %rowX = arith.muli %lane16, %c32 : i32
  %halfX = arith.divui %thread, %c16 : i32
  %columnX = arith.muli %halfX, %c16 : i32
  %atX = arith.addi %rowX, %columnX : i32
  %fromA = llvm.getelementptr %shared[%atX] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
  %atW = arith.muli %lane16, %c16 : i32
  %fromB = llvm.getelementptr %shareOfW[%atW] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
  %a = nvvm.ldmatrix %fromA {num = 4 : i32, layout = #nvvm.mma_layout<row>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> !llvm.struct<(i32, i32, i32, i32)>
  %b = nvvm.ldmatrix %fromB {num = 2 : i32, layout = #nvvm.mma_layout<col>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> !llvm.struct<(i32, i32)>
  %i0 = llvm.extractvalue %a[0] : !llvm.struct<(i32, i32, i32, i32)>
  %i1 = llvm.extractvalue %a[1] : !llvm.struct<(i32, i32, i32, i32)>
  %i2 = llvm.extractvalue %a[2] : !llvm.struct<(i32, i32, i32, i32)>
  %i3 = llvm.extractvalue %a[3] : !llvm.struct<(i32, i32, i32, i32)>
  %j0 = llvm.extractvalue %b[0] : !llvm.struct<(i32, i32)>
  %j1 = llvm.extractvalue %b[1] : !llvm.struct<(i32, i32)>
  %d = nvvm.mma.sync A[%i0, %i1, %i2, %i3] B[%j0, %j1] C[%zero, %zero, %zero, %zero]
      {multiplicandAPtxType = #nvvm.mma_type<bf16>, multiplicandBPtxType = #nvvm.mma_type<bf16>, layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, shape = #elements}
      : (i32, i32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
  %d0 = llvm.extractvalue %d[0] : !llvm.struct<(f32, f32, f32, f32)>
  %d1 = llvm.extractvalue %d[1] : !llvm.struct<(f32, f32, f32, f32)>
  %d2 = llvm.extractvalue %d[2] : !llvm.struct<(f32, f32, f32, f32)>
  %d3 = llvm.extractvalue %d[3] : !llvm.struct<(f32, f32, f32, f32)>
  // Lane 4 g + t has columns 2 t and 2 t + 1 of rows g and g + 8.
  %g = arith.divui %thread, %c4 : i32
  %t = arith.remui %thread, %c4 : i32
  %column = arith.muli %t, %c2 : i32
  %row = arith.muli %g, %c8 : i32
  %at = arith.addi %row, %column : i32
  %to = llvm.getelementptr %y[%at] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  llvm.store %d0, %to : f32, !llvm.ptr<1>
  %to1 = llvm.getelementptr %to[1] : (!llvm.ptr<1>) -> !llvm.ptr<1>, f32
  llvm.store %d1, %to1 : f32, !llvm.ptr<1>
  %to2 = llvm.getelementptr %to[64] : (!llvm.ptr<1>) -> !llvm.ptr<1>, f32
  llvm.store %d2, %to2 : f32, !llvm.ptr<1>
  %to3 = llvm.getelementptr %to[65] : (!llvm.ptr<1>) -> !llvm.ptr<1>, f32
  llvm.store %d3, %to3 : f32, !llvm.ptr<1>
  return
}

func.func @expected(%x: memref<16x16xbf16>, %w: memref<12x8xbf16>, %y: memref<16x8xf32>) {
  %zero = arith.constant 0.0 : f32
  affine.for %m = 0 to 16 {
    affine.for %n = 0 to 8 {
      %sum = affine.for %k = 0 to 12 iter_args(%s = %zero) -> (f32) {
        %a = affine.load %x[%m, %k] : memref<16x16xbf16>
        %b = affine.load %w[%k, %n] : memref<12x8xbf16>
        %p = arith.extf %a : bf16 to f32
        %q = arith.extf %b : bf16 to f32
        %r = arith.mulf %p, %q : f32
        %next = arith.addf %s, %r : f32
        affine.yield %next : f32
      }
      affine.store %sum, %y[%m, %n] : memref<16x8xf32>
    }
  }
  return
}
