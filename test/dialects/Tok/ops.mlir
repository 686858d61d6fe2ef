// RUN: tokopt-opt %s --verify-roundtrip | FileCheck %s

// Every op and type with each of its optional parts. Examples of whole models: model.mlir.

// CHECK: !kv = !tok.cache<layers = [0-1, 3], heads = 1, k = 32 x f16, v = 16 x i8, page = 128, keys = pre_rope, window = 512, sinks = 4, residual = 64, tables = head, columns = [pos, seq], digests = [minmax, mean]>
!kv = !tok.cache<layers = [0-1, 3], heads = 1, k = 32 x f16, v = 16 x i8, page = 128,
    keys = pre_rope, window = 512, sinks = 4, residual = 64, tables = head,
    columns = [pos, seq], digests = [minmax, mean]>
!rows = !tok.rows<pos, seq, depth>

//===----------------------------------------------------------------------===//
// Weights: every format, families, places in the image
//===----------------------------------------------------------------------===//

// CHECK: tok.weight @q4_0 : tensor<64x96x!tok.q4_0> = source "m.gguf" at [0]
tok.weight @q4_0 : tensor<64x96x!tok.q4_0> = source "m.gguf" at [0]
// CHECK: tok.weight @q5_0 layers = [0-2, 5] : tensor<64x96x!tok.q5_0> = source "m.gguf" at [0, 1, 2, 3]
tok.weight @q5_0 layers = [0, 1, 2, 5] : tensor<64x96x!tok.q5_0> = source "m.gguf" at [0, 1, 2, 3]
// CHECK: tok.weight @q8_0 : tensor<64x96x!tok.q8_0> = source "m.gguf" at [0] image [64]
tok.weight @q8_0 : tensor<64x96x!tok.q8_0> = source "m.gguf" at [0] image [64]
// CHECK: tensor<64x256x!tok.q4_k>
tok.weight @q4_k : tensor<64x256x!tok.q4_k> = source "m.gguf" at [0]
// CHECK: tensor<64x256x!tok.q6_k>
tok.weight @q6_k : tensor<64x256x!tok.q6_k> = source "m.gguf" at [0]
tok.weight @q4_1 layers = [0, 1, 3] : tensor<96x96x!tok.q4_1> = source "m.gguf" at [0, 1, 2] image [0, 64, 128]
tok.weight @f16 : tensor<64x96xf16> = source "m.gguf" at [0]
tok.weight @norm : tensor<96xf32> = source "m.gguf" at [0]
tok.weight @norms layers = [0, 1, 3] : tensor<96xf32> = source "m.gguf" at [0, 1, 2]

// CHECK: tok.schedule @whole whole budget = 1
module @one {
  tok.schedule @whole whole budget = 1
}
// CHECK: tok.schedule @layered layered budget = 512 groups = [0, 1, 2]
tok.schedule @layered layered budget = 512 groups = [0, 1, 2]

// CHECK-LABEL: func.func @attributes
// CHECK-SAME: a = #tok.mask<full>
// CHECK-SAME: b = #tok.mask<window<8>>
// CHECK-SAME: c = #tok.mask<lane(step = pos), window<8>>
// CHECK-SAME: d = #tok.compute<i8, block = 32>
// CHECK-SAME: e = #tok.source<file = "m.gguf", offset = 24, bytes = 4096>
func.func @attributes() attributes {
    a = #tok.mask<full>, b = #tok.mask<window<8>>, c = #tok.mask<window<8>, lane(step = pos)>,
    d = #tok.compute<i8, block = 32>, e = #tok.source<file = "m.gguf", offset = 24, bytes = 4096>} {
  return
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func.func @rows
// CHECK-SAME: !tok.rows<pos, seq, depth>
func.func @rows(%ids: tensor<?xi32>, %x: tensor<?x96xf32>, %q: tensor<?x3x32xf32>, %rows: !rows) {
  %l = arith.constant 0 : index
  // CHECK: tok.embed %{{.*}}, @q8_0 : tensor<?xi32> -> tensor<?x96xf32>
  %0 = tok.embed %ids, @q8_0 : tensor<?xi32> -> tensor<?x96xf32>
  // CHECK: tok.embed %{{.*}}, @q8_0 {scale = 2.000000e+00 : f32}
  %1 = tok.embed %ids, @q8_0 {scale = 2.0 : f32} : tensor<?xi32> -> tensor<?x96xf32>
  // CHECK: tok.norm %{{.*}}, @norm bias @norm layer eps = 9.99{{.*}}E-6 : tensor<?x96xf32>
  %2 = tok.norm %x, @norm bias @norm layer eps = 1.0e-5 : tensor<?x96xf32>
  // CHECK: tok.norm %{{.*}}, @norms[%{{.*}}] rms eps
  %3 = tok.norm %x, @norms[%l] rms eps = 1.0e-5 : tensor<?x96xf32>
  // CHECK: tok.linear %{{.*}}, @q4_1[%{{.*}}] bias @norms compute = <i8, block = 32> : tensor<?x3x32xf32> -> tensor<?x96xf32>
  %4 = tok.linear %q, @q4_1[%l] bias @norms compute = <i8, block = 32> : tensor<?x3x32xf32> -> tensor<?x96xf32>
  // CHECK: tok.linear %{{.*}}, @f16 : tensor<?x96xf32> -> tensor<?x2x32xf32>
  %5 = tok.linear %x, @f16 : tensor<?x96xf32> -> tensor<?x2x32xf32>
  // CHECK: tok.rope %{{.*}}, %{{.*}} halves base = 1.000000e+06 dims = 16
  %6 = tok.rope %q, %rows halves base = 1.0e6 dims = 16 : tensor<?x3x32xf32>, !rows
  // CHECK: tok.gated %{{.*}}, %{{.*}} gelu_tanh : tensor<?x96xf32>
  %7 = tok.gated %x, %x gelu_tanh : tensor<?x96xf32>
  // CHECK: tok.take %{{.*}}, %{{.*}} : tensor<?x96xf32>, tensor<?xi32>{{ *$}}
  %8 = tok.take %x, %ids : tensor<?x96xf32>, tensor<?xi32>
  // CHECK: tok.take %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x96xf32>, tensor<?xi32>, !tok.rows<pos, seq, depth>
  %9, %taken = tok.take %x, %ids, %rows : tensor<?x96xf32>, tensor<?xi32>, !rows
  return
}

//===----------------------------------------------------------------------===//
// The cache
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func.func @cache
// CHECK-SAME: !kv
func.func @cache(%q: tensor<?x3x32xf32>, %k: tensor<?x1x32xf32>, %v: tensor<?x1x16xf32>, %kv: !kv,
                 %rows: !rows, %m: tensor<?x3x?xf32>, %n: index) -> !kv {
  %l = arith.constant 0 : index
  // CHECK: tok.append %{{.*}}[%{{.*}}], %{{.*}}, %{{.*}}, %{{.*}} : !kv, <pos, seq, depth>, tensor<?x1x32xf32>, tensor<?x1x16xf32>
  %kv1 = tok.append %kv[%l], %rows, %k, %v : !kv, !rows, tensor<?x1x32xf32>, tensor<?x1x16xf32>
  // CHECK: tok.attention %{{.*}}, %{{.*}}[%{{.*}}], %{{.*}} mask = <lane(step = pos), window<512>> scale = 1.250000e-01
  %a = tok.attention %q, %kv1[%l], %rows mask = <lane(step = pos), window<512>> scale = 0.125
      : tensor<?x3x32xf32>, !kv, !rows -> tensor<?x3x16xf32>
  // CHECK: mask = <full> scale = 1.250000e-01 key_mass(%{{.*}} : tensor<?x3x?xf32>) slots(%{{.*}}) :
  // CHECK-SAME: -> tensor<?x3x16xf32> lse tensor<?x3xf32> key_mass tensor<?x3x?xf32> window_probs tensor<?x3x?xf32>
  %b:4 = tok.attention %q, %kv1[%l], %rows mask = <full> scale = 0.125 key_mass(%m : tensor<?x3x?xf32>) slots(%n)
      : tensor<?x3x32xf32>, !kv, !rows -> tensor<?x3x16xf32> lse tensor<?x3xf32> key_mass tensor<?x3x?xf32>
        window_probs tensor<?x3x?xf32>
  // CHECK: mask = <window<8>> scale = 1.250000e-01 key_mass(%{{.*}} : tensor<?x3x?xf32>) :
  // CHECK-SAME: -> tensor<?x3x16xf32> key_mass tensor<?x3x?xf32>{{ *$}}
  %c:2 = tok.attention %q, %kv1[%l], %rows mask = <full, window<9>, window<8>> scale = 0.125 key_mass(%m : tensor<?x3x?xf32>)
      : tensor<?x3x32xf32>, !kv, !rows -> tensor<?x3x16xf32> key_mass tensor<?x3x?xf32>
  // CHECK: mask = <lane(step = pos), window<8>> scale = 1.250000e-01 slots(%{{.*}}) :
  // CHECK-SAME: -> tensor<?x3x16xf32> window_probs tensor<?x3x64xf32>
  %d:2 = tok.attention %q, %kv1[%l], %rows mask = <window<8>, lane(step = pos)> scale = 0.125 slots(%n)
      : tensor<?x3x32xf32>, !kv, !rows -> tensor<?x3x16xf32> window_probs tensor<?x3x64xf32>
  return %kv1 : !kv
}

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

func.func private @local(%x: tensor<?x8xf32>, %rows: !rows, %l: index) -> tensor<?x8xf32> attributes {tok.kind} {
  return %x : tensor<?x8xf32>
}
func.func private @global(%x: tensor<?x8xf32>, %rows: !rows, %l: index) -> tensor<?x8xf32> attributes {tok.kind} {
  return %x : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @stack
func.func @stack(%x: tensor<?x8xf32>, %rows: !rows, %n: index) -> tensor<?x8xf32> {
  // Runs are printed as runs, and a kind may come back.
  // CHECK: tok.stack %{{.*}}, %{{.*}} frontier(%{{.*}}) rows(%{{.*}}, %{{.*}}, %{{.*}}) [@local for 0-4, @global for 5, @local for 6, @local for 3] : tensor<?x8xf32>, <pos, seq, depth>
  %y, %f = tok.stack %x, %rows frontier(%x) rows(%n, %n, %n)
      [@local for 0-3, @local for 4, @global for 5, @local for 6, @local for 3] : tensor<?x8xf32>, !rows
  return %y : tensor<?x8xf32>
}

//===----------------------------------------------------------------------===//
// Sampling
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func.func @sample
func.func @sample(%z: tensor<?x64xf32>, %p: tensor<?x4xf32>, %s: tensor<?x2xi64>) -> tensor<?xi32> {
  // CHECK: tok.sample %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x64xf32>, tensor<?x4xf32>, tensor<?x2xi64> -> tensor<?xi32>
  %t = tok.sample %z, %p, %s : tensor<?x64xf32>, tensor<?x4xf32>, tensor<?x2xi64> -> tensor<?xi32>
  return %t : tensor<?xi32>
}

//===----------------------------------------------------------------------===//
// The program
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func.func @program
func.func @program(%x: memref<?x96xf32>, %n: index, %l: index, %kv: !kv) {
  // CHECK: tok.buffer : memref<?x96xf32>
  %a = tok.buffer : memref<?x96xf32>
  // CHECK: tok.buffer at 384 : memref<?x144xi8>
  %b = tok.buffer at 384 : memref<?x144xi8>
  // CHECK: tok.kernel "angles" rows(%{{.*}} to %{{.*}}) outs(%{{.*}} : memref<?x96xf32>) {base = 1.000000e+04 : f64, dims = 48 : i64, head = 48 : i64, pairs = "halves"}
  tok.kernel "angles" rows(%n to %n) outs(%a : memref<?x96xf32>) {base = 1.0e4, dims = 48, head = 48, pairs = "halves"}
  // CHECK: tok.barrier
  tok.barrier
  // CHECK: tok.kernel "rowwise" rows(%{{.*}} to %{{.*}}) layer(%{{.*}}) weights [@norms] ins(%{{.*}} : memref<?x96xf32>) outs(%{{.*}}, %{{.*}} : memref<?x144xi8>, memref<?x96xf32>) {columns = 96 : i64} prologue {
  tok.kernel "rowwise" rows(%n to %n) layer(%l) weights [@norms] ins(%x : memref<?x96xf32>)
      outs(%b, %a : memref<?x144xi8>, memref<?x96xf32>) {columns = 96} prologue {
  ^bb0(%v: f32, %w: f32):
    // CHECK: tok.reduce_row %{{.*}}
    %r = tok.reduce_row %v
    // CHECK: tok.partner %{{.*}} halves head = 32 dims = 16
    %p = tok.partner %v halves head = 32 dims = 16
    %s = arith.addf %r, %p : f32
    // CHECK: tok.yield %{{.*}}, %{{.*}} : f32, f32
    tok.yield %s, %s : f32, f32
  }
  // CHECK: tok.kernel "rowwise" rows(%{{.*}} to %{{.*}}) layer(%{{.*}}) ins(%{{.*}} : memref<?x96xf32>) outs(%{{.*}} : !kv) {cache = 0 : i64, columns = 32 : i64, side = "k"} prologue {
  tok.kernel "rowwise" rows(%n to %n) layer(%l) ins(%x : memref<?x96xf32>)
      outs(%kv : !kv) {columns = 32, cache = 0, side = "k"} prologue {
  ^bb0(%v: f32):
    tok.yield %v : f32
  }
  // CHECK: tok.kernel "linear"
  // CHECK-SAME: {compute = "f32", inputs = 96 : i64, matrices = 1 : i64, outputs = 64 : i64} epilogue {
  tok.kernel "linear" rows(%n to %n) weights [@q8_0] ins(%x : memref<?x96xf32>) outs(%a : memref<?x96xf32>)
      {compute = "f32", inputs = 96, matrices = 1, outputs = 64} epilogue {
  ^bb0(%v: f32):
    tok.yield %v : f32
  }
  return
}
