// RUN: tokopt-opt %s --split-input-file --verify-diagnostics --tok-choose-kernels=target=sm_80
// RUN: tokopt-opt %s --split-input-file --verify-diagnostics --tok-plan-buffers=target=cuda

!kv = !tok.cache<layers = [0], heads = 2, k = 64 x f16, v = 64 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @of_the_cpu(%q: memref<?x384xf32>, %kv: !kv, %o: memref<?x384xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'attention' has the key 'vectors', but the template of the target 'cuda' knows heads, scale, window, full, cache, context, row_bytes, compute, group, warps, split_rows, row_tile, stages only}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%q, %kv : memref<?x384xf32>, !kv) outs(%o : memref<?x384xf32>) {heads = 6, scale = 0.125 : f32, window = 0, cache = 0, context = 2048, vectors = 1}
  return
}

// -----

func.func @replicated(%x: memref<?x96xf32>, %y: memref<?x96xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'rowwise' has the key 'replicated', but the template of the target 'cuda' knows columns, group, gather, angles, head, cache, side only}}
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x96xf32>) outs(%y : memref<?x96xf32>) {columns = 96, replicated} prologue {
  ^bb0(%v: f32):
    tok.yield %v : f32
  }
  return
}

// -----

tok.weight @w : tensor<96x96x!tok.q4_1> = source "m.gguf" at [0]
func.func @linear(%x: memref<?x96xf16>, %y: memref<?x96xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'linear' has the key 'tile', but the template of the target 'cuda' knows matrices, inputs, outputs, compute, row_tile, warps, stages only}}
  tok.kernel "linear" rows(%n to %n) weights [@w] ins(%x : memref<?x96xf16>) outs(%y : memref<?x96xf32>) {matrices = 1, inputs = 96, outputs = 96, compute = "f16", tile = 4}
  return
}
