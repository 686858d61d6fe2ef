// RUN: not tokopt-sim %s --target=sm_90a | FileCheck %s
// The second product takes the descriptor of the first stage again, which threads fill for what comes next.

llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<0 x i8>

func.func @multiply(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<2x64x16xf16>, fill = "ascending"}},
                    %w: !llvm.ptr<1> {tok.sim = {name = "w", buffer = tensor<8x16xf16>, fill = "ascending"}},
                    %y: !llvm.ptr<1> {tok.sim = {name = "y", buffer = tensor<64x8xf32>}})
    attributes {tok.launch = {threads = 128, shared = 4352}, tok.sim = {reference = @expected}} {
  %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
  %shareOfW = llvm.getelementptr %shared[4096] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
  %c1 = arith.constant 1 : i32
  %c2 = arith.constant 2 : i32
  %c4 = arith.constant 4 : i32
  %c8 = arith.constant 8 : i32
  %c16 = arith.constant 16 : i32
  %c32 = arith.constant 32 : i32
  %c128 = arith.constant 128 : i32
  %c1024 = arith.constant 1024 : i32
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  // A thread copies a chunk of 16 bytes of each of two matrices x, some one of w. Chunks of a column lie one behind the other: 64 of x, 8 of w.
  %row = arith.divui %thread, %c2 : i32
  %chunk = arith.remui %thread, %c2 : i32
  %fromBytes = arith.muli %thread, %c16 : i32
  %rowBytes = arith.muli %row, %c16 : i32
  %columnOfX = arith.muli %chunk, %c1024 : i32
  %atX = arith.addi %columnOfX, %rowBytes : i32
  %fromX = llvm.getelementptr %x[%fromBytes] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
  %chunkX = llvm.load %fromX {alignment = 16 : i64} : !llvm.ptr<1> -> vector<8xf16>
  %toX = llvm.getelementptr %shared[%atX] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
  llvm.store %chunkX, %toX {alignment = 16 : i64} : vector<8xf16>, !llvm.ptr<3>
  %secondOfX = llvm.getelementptr %fromX[2048] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i8
  %chunkOfSecond = llvm.load %secondOfX {alignment = 16 : i64} : !llvm.ptr<1> -> vector<8xf16>
  %toSecond = llvm.getelementptr %toX[2048] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
  llvm.store %chunkOfSecond, %toSecond {alignment = 16 : i64} : vector<8xf16>, !llvm.ptr<3>
  %takesW = arith.cmpi ult, %thread, %c16 : i32
  scf.if %takesW {
    %columnOfW = arith.muli %chunk, %c128 : i32
    %atW = arith.addi %columnOfW, %rowBytes : i32
    %fromW = llvm.getelementptr %w[%fromBytes] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    %chunkW = llvm.load %fromW {alignment = 16 : i64} : !llvm.ptr<1> -> vector<8xf16>
    %toW = llvm.getelementptr %shareOfW[%atW] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    llvm.store %chunkW, %toW {alignment = 16 : i64} : vector<8xf16>, !llvm.ptr<3>
  }
  nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}
  nvvm.barrier0
  // Descriptors: the address, how far it is to the next chunk of a row, and to the next eight rows, in units of 16 bytes.
  %fieldsOfX = arith.constant 34363932672 : i64
  %fieldsOfW = arith.constant 34360262656 : i64
  %c4of64 = arith.constant 4 : i64
  %mask = arith.constant 262143 : i64
  %wholeX = llvm.ptrtoint %shared : !llvm.ptr<3> to i64
  %addressX = arith.andi %wholeX, %mask : i64
  %startX = arith.shrui %addressX, %c4of64 : i64
  %left = arith.ori %startX, %fieldsOfX : i64
  // The second stage is 2048 bytes further on.
  %c128of64 = arith.constant 128 : i64
  %leftOfSecond = arith.addi %left, %c128of64 : i64
  %wholeW = llvm.ptrtoint %shareOfW : !llvm.ptr<3> to i64
  %addressW = arith.andi %wholeW, %mask : i64
  %startW = arith.shrui %addressW, %c4of64 : i64
  %right = arith.ori %startW, %fieldsOfW : i64
  %zero = arith.constant 0.0 : f32
  %fenced = llvm.inline_asm has_side_effects asm_dialect = att "wgmma.fence.sync.aligned;", "=f,=f,=f,=f,0,1,2,3,~{memory}" %zero, %zero, %zero, %zero : (f32, f32, f32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
  %f0 = llvm.extractvalue %fenced[0] : !llvm.struct<(f32, f32, f32, f32)>
  %f1 = llvm.extractvalue %fenced[1] : !llvm.struct<(f32, f32, f32, f32)>
  %f2 = llvm.extractvalue %fenced[2] : !llvm.struct<(f32, f32, f32, f32)>
  %f3 = llvm.extractvalue %fenced[3] : !llvm.struct<(f32, f32, f32, f32)>
  %product = llvm.inline_asm has_side_effects asm_dialect = att "{ .reg .pred p; setp.ne.b32 p, 1, 0; wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {$0, $1, $2, $3}, $8, $9, p, 1, 1, 0, 0; }", "=f,=f,=f,=f,0,1,2,3,l,l,~{memory}" %f0, %f1, %f2, %f3, %left, %right : (f32, f32, f32, f32, i64, i64) -> !llvm.struct<(f32, f32, f32, f32)>
  %p0 = llvm.extractvalue %product[0] : !llvm.struct<(f32, f32, f32, f32)>
  %p1 = llvm.extractvalue %product[1] : !llvm.struct<(f32, f32, f32, f32)>
  %p2 = llvm.extractvalue %product[2] : !llvm.struct<(f32, f32, f32, f32)>
  %p3 = llvm.extractvalue %product[3] : !llvm.struct<(f32, f32, f32, f32)>
  nvvm.wgmma.commit.group.sync.aligned
  %first = llvm.inline_asm has_side_effects asm_dialect = att "wgmma.wait_group.sync.aligned 0;", "=f,=f,=f,=f,0,1,2,3,~{memory}" %p0, %p1, %p2, %p3 : (f32, f32, f32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
  %m0 = llvm.extractvalue %first[0] : !llvm.struct<(f32, f32, f32, f32)>
  %m1 = llvm.extractvalue %first[1] : !llvm.struct<(f32, f32, f32, f32)>
  %m2 = llvm.extractvalue %first[2] : !llvm.struct<(f32, f32, f32, f32)>
  %m3 = llvm.extractvalue %first[3] : !llvm.struct<(f32, f32, f32, f32)>
  // The first stage is free, and gets the next matrix.
  nvvm.barrier0
  %next = arith.constant dense<0.0> : vector<8xf16>
  llvm.store %next, %toX {alignment = 16 : i64} : vector<8xf16>, !llvm.ptr<3>
  nvvm.barrier0
  %again = llvm.inline_asm has_side_effects asm_dialect = att "wgmma.fence.sync.aligned;", "=f,=f,=f,=f,0,1,2,3,~{memory}" %m0, %m1, %m2, %m3 : (f32, f32, f32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
  %g0 = llvm.extractvalue %again[0] : !llvm.struct<(f32, f32, f32, f32)>
  %g1 = llvm.extractvalue %again[1] : !llvm.struct<(f32, f32, f32, f32)>
  %g2 = llvm.extractvalue %again[2] : !llvm.struct<(f32, f32, f32, f32)>
  %g3 = llvm.extractvalue %again[3] : !llvm.struct<(f32, f32, f32, f32)>
  // CHECK: [[#@LINE+1]]: error: missing proxy fence: block (0, 0, 0) thread {{.*}}: wgmma.mma_async at shared + 0 is of the async proxy
  %total = llvm.inline_asm has_side_effects asm_dialect = att "{ .reg .pred p; setp.ne.b32 p, 1, 0; wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {$0, $1, $2, $3}, $8, $9, p, 1, 1, 0, 0; }", "=f,=f,=f,=f,0,1,2,3,l,l,~{memory}" %g0, %g1, %g2, %g3, %left, %right : (f32, f32, f32, f32, i64, i64) -> !llvm.struct<(f32, f32, f32, f32)>
  %q0 = llvm.extractvalue %total[0] : !llvm.struct<(f32, f32, f32, f32)>
  %q1 = llvm.extractvalue %total[1] : !llvm.struct<(f32, f32, f32, f32)>
  %q2 = llvm.extractvalue %total[2] : !llvm.struct<(f32, f32, f32, f32)>
  %q3 = llvm.extractvalue %total[3] : !llvm.struct<(f32, f32, f32, f32)>
  nvvm.wgmma.commit.group.sync.aligned
  %sums = llvm.inline_asm has_side_effects asm_dialect = att "wgmma.wait_group.sync.aligned 0;", "=f,=f,=f,=f,0,1,2,3,~{memory}" %q0, %q1, %q2, %q3 : (f32, f32, f32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
  %s0 = llvm.extractvalue %sums[0] : !llvm.struct<(f32, f32, f32, f32)>
  %s1 = llvm.extractvalue %sums[1] : !llvm.struct<(f32, f32, f32, f32)>
  %s2 = llvm.extractvalue %sums[2] : !llvm.struct<(f32, f32, f32, f32)>
  %s3 = llvm.extractvalue %sums[3] : !llvm.struct<(f32, f32, f32, f32)>
  // Lane 4 g + t of warp v has columns 2 t and 2 t + 1 of rows 16 v + g and 16 v + g + 8.
  %warp = arith.divui %thread, %c32 : i32
  %lane = arith.remui %thread, %c32 : i32
  %g = arith.divui %lane, %c4 : i32
  %t = arith.remui %lane, %c4 : i32
  %firstRow = arith.muli %warp, %c16 : i32
  %lineOfY = arith.addi %firstRow, %g : i32
  %elements = arith.muli %lineOfY, %c8 : i32
  %column = arith.muli %t, %c2 : i32
  %at = arith.addi %elements, %column : i32
  %to = llvm.getelementptr %y[%at] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
  llvm.store %s0, %to : f32, !llvm.ptr<1>
  %to1 = llvm.getelementptr %to[1] : (!llvm.ptr<1>) -> !llvm.ptr<1>, f32
  llvm.store %s1, %to1 : f32, !llvm.ptr<1>
  %to2 = llvm.getelementptr %to[64] : (!llvm.ptr<1>) -> !llvm.ptr<1>, f32
  llvm.store %s2, %to2 : f32, !llvm.ptr<1>
  %to3 = llvm.getelementptr %to[65] : (!llvm.ptr<1>) -> !llvm.ptr<1>, f32
  llvm.store %s3, %to3 : f32, !llvm.ptr<1>
  return
}

func.func @expected(%x: memref<2x64x16xf16>, %w: memref<8x16xf16>, %y: memref<64x8xf32>) {
  %zero = arith.constant 0.0 : f32
  affine.for %m = 0 to 64 {
    affine.for %n = 0 to 8 {
      %sum = affine.for %k = 0 to 32 iter_args(%s = %zero) -> (f32) {
        %a = affine.load %x[%k floordiv 16, %m, %k mod 16] : memref<2x64x16xf16>
        %b = affine.load %w[%n, %k mod 16] : memref<8x16xf16>
        %p = arith.extf %a : f16 to f32
        %q = arith.extf %b : f16 to f32
        %r = arith.mulf %p, %q : f32
        %next = arith.addf %s, %r : f32
        affine.yield %next : f32
      }
      affine.store %sum, %y[%m, %n] : memref<64x8xf32>
    }
  }
  return
}
