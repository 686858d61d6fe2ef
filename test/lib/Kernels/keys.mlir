// A template knows each key of its kernel, or an error says what it knows,
// whoever asks it first.
// RUN: tokopt-opt %s --split-input-file --verify-diagnostics --tok-choose-kernels
// RUN: tokopt-opt %s --split-input-file --verify-diagnostics --tok-plan-buffers
// RUN: tokopt-opt %s --split-input-file --verify-diagnostics --tok-kernel-pipeline

!kv = !tok.cache<layers = [0], heads = 2, k = 64 x f16, v = 64 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @rounds(%q: memref<?x384xf32>, %kv: !kv, %o: memref<?x384xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'attention' has the key 'compute', but the template of the target 'cpu' knows heads, scale, window, full, cache, context, scratch, row_bytes, group, vectors, tile, tile_rows, tile_vectors only}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%q, %kv : memref<?x384xf32>, !kv) outs(%o : memref<?x384xf32>) {heads = 6, scale = 0.125 : f32, window = 0, cache = 0, context = 2048, compute = "f16"}
  return
}

// -----

tok.weight @w : tensor<96x96x!tok.q8_0> = source "m.gguf" at [0] image [0]
func.func @misspelled(%x: memref<?x96xf32>, %y: memref<?x96xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'linear' has the key 'tiles', but the template of the target 'cpu' knows matrices, inputs, outputs, compute, scratch, tile only}}
  tok.kernel "linear" rows(%n to %n) weights [@w] ins(%x : memref<?x96xf32>) outs(%y : memref<?x96xf32>) {compute = "f32", inputs = 96, matrices = 1, outputs = 96, tiles = 4}
  return
}
