// RUN: tokopt-opt %s --split-input-file --tok-lower-to-program | FileCheck %s

// A window is a number, and rows that see what comes after them say so. Without lse there is one output.

!kv = !tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>

module attributes {tok.model = #tok.model<arch = "llama", name = "m", layers = 1, width = 96, context = 256, vocab = 96>} {
  // CHECK-LABEL: func.func @step(
  // CHECK-SAME:    %[[Q:[^:]*]]: memref<?x96xf32> {tok.slot = "frontier"}
  // CHECK-SAME:    %[[KV:[^:]*]]: !kv
  // CHECK-SAME:    %[[OUT:[^:]*]]: memref<?x96xf32> {tok.slot = "logits"}
  func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %q: tensor<?x3x32xf32> {tok.slot = "frontier"}, %rows: !rows {tok.slot = "rows"}, %kv: !kv {tok.slot = "kv"})
      -> (tensor<?x3x32xf32> {tok.slot = "logits"}) {
    %l = arith.constant 0 : index
    // CHECK: tok.kernel "attention" {{.*}} ins(%[[Q]], %[[KV]] : memref<?x96xf32>, !kv) outs(%[[A:.*]] : memref<?x96xf32>) {cache = 0 : i64, context = 256 : i64, heads = 3 : i64, scale = 1.250000e-01 : f32, window = 0 : i64}
    %a = tok.attention %q, %kv[%l], %rows mask = <lane(step = pos)> scale = 0.125 : tensor<?x3x32xf32>, !kv, !rows -> tensor<?x3x32xf32>
    // CHECK: tok.kernel "attention" {{.*}} ins(%[[A]], {{.*}} outs(%[[B:.*]] : memref<?x96xf32>) {cache = 0 : i64, context = 256 : i64, full, heads = 3 : i64, scale = 1.250000e-01 : f32, window = 0 : i64}
    %b = tok.attention %a, %kv[%l], %rows mask = <full> scale = 0.125 : tensor<?x3x32xf32>, !kv, !rows -> tensor<?x3x32xf32>
    // CHECK: tok.kernel "attention" {{.*}} ins(%[[B]], {{.*}} {cache = 0 : i64, context = 256 : i64, full, heads = 3 : i64, scale = 1.250000e-01 : f32, window = 8 : i64}
    %c = tok.attention %b, %kv[%l], %rows mask = <window<8>> scale = 0.125 : tensor<?x3x32xf32>, !kv, !rows -> tensor<?x3x32xf32>
    // CHECK: outs(%[[OUT]] : memref<?x96xf32>) {cache = 0 : i64, context = 256 : i64, heads = 3 : i64, scale = 1.250000e-01 : f32, window = 8 : i64}
    %d = tok.attention %c, %kv[%l], %rows mask = <lane(step = pos), window<8>> scale = 0.125 : tensor<?x3x32xf32>, !kv, !rows -> tensor<?x3x32xf32>
    return %d : tensor<?x3x32xf32>
  }
}

// -----

!kv = !tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>

// The log of the sum is a second output, which other ops read like any value of rows.
module attributes {tok.model = #tok.model<arch = "llama", name = "m", layers = 1, width = 96, context = 256, vocab = 3>} {
  // CHECK-LABEL: func.func @step(
  // CHECK-SAME:    %[[OUT:[^:]*]]: memref<?x3xf32> {tok.slot = "logits"}
  func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %q: tensor<?x3x32xf32> {tok.slot = "frontier"}, %rows: !rows {tok.slot = "rows"}, %kv: !kv {tok.slot = "kv"})
      -> (tensor<?x3xf32> {tok.slot = "logits"}) {
    %l = arith.constant 0 : index
    // CHECK: tok.kernel "attention" {{.*}} outs(%{{.*}}, %[[LSE:.*]] : memref<?x96xf32>, memref<?x3xf32>) {
    %a, %lse = tok.attention %q, %kv[%l], %rows mask = <lane(step = pos)> scale = 0.125 : tensor<?x3x32xf32>, !kv, !rows -> tensor<?x3x32xf32> lse tensor<?x3xf32>
    // CHECK: tok.kernel "rowwise" {{.*}} ins(%[[LSE]], %[[LSE]] : memref<?x3xf32>, memref<?x3xf32>) outs(%[[OUT]] : memref<?x3xf32>)
    %y = arith.addf %lse, %lse : tensor<?x3xf32>
    return %y : tensor<?x3xf32>
  }
}
