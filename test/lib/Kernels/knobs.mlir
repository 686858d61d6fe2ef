// A knob of a kernel has a value that its template accepts, or an error says
// which it accepts, whoever asks the template first.
// RUN: tokopt-opt %s --split-input-file --verify-diagnostics --tok-choose-kernels
// RUN: tokopt-opt %s --split-input-file --verify-diagnostics --tok-plan-buffers
// RUN: tokopt-opt %s --split-input-file --verify-diagnostics --tok-kernel-pipeline

tok.weight @w : tensor<96x96x!tok.q8_0> = source "m.gguf" at [0] image [0]
func.func @zero(%x: memref<?x96xf32>, %y: memref<?x96xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'linear' expects the knob 'tile' to be 1, 2, 4, 8, 12 or 16 (an i64), but got 0 : i64}}
  tok.kernel "linear" rows(%n to %n) weights [@w] ins(%x : memref<?x96xf32>) outs(%y : memref<?x96xf32>) {compute = "f32", inputs = 96, matrices = 1, outputs = 96, tile = 0}
  return
}

// -----

tok.weight @w : tensor<96x96x!tok.q8_0> = source "m.gguf" at [0] image [0]
func.func @negative(%x: memref<?x96xf32>, %y: memref<?x96xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'linear' expects the knob 'tile' to be 1, 2, 4, 8, 12 or 16 (an i64), but got -3 : i64}}
  tok.kernel "linear" rows(%n to %n) weights [@w] ins(%x : memref<?x96xf32>) outs(%y : memref<?x96xf32>) {compute = "f32", inputs = 96, matrices = 1, outputs = 96, tile = -3}
  return
}

// -----

tok.weight @w : tensor<96x96x!tok.q8_0> = source "m.gguf" at [0] image [0]
func.func @between(%x: memref<?x96xf32>, %y: memref<?x96xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'linear' expects the knob 'tile' to be 1, 2, 4, 8, 12 or 16 (an i64), but got 3 : i64}}
  tok.kernel "linear" rows(%n to %n) weights [@w] ins(%x : memref<?x96xf32>) outs(%y : memref<?x96xf32>) {compute = "f32", inputs = 96, matrices = 1, outputs = 96, tile = 3}
  return
}

// -----

tok.weight @w : tensor<96x96x!tok.q8_0> = source "m.gguf" at [0] image [0]
func.func @huge(%x: memref<?x96xf32>, %y: memref<?x96xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'linear' expects the knob 'tile' to be 1, 2, 4, 8, 12 or 16 (an i64), but got 100000 : i64}}
  tok.kernel "linear" rows(%n to %n) weights [@w] ins(%x : memref<?x96xf32>) outs(%y : memref<?x96xf32>) {compute = "f32", inputs = 96, matrices = 1, outputs = 96, tile = 100000}
  return
}

// -----

tok.weight @w : tensor<96x96x!tok.q8_0> = source "m.gguf" at [0] image [0]
func.func @name(%x: memref<?x96xf32>, %y: memref<?x96xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'linear' expects the knob 'tile' to be 1, 2, 4, 8, 12 or 16 (an i64), but got "x"}}
  tok.kernel "linear" rows(%n to %n) weights [@w] ins(%x : memref<?x96xf32>) outs(%y : memref<?x96xf32>) {compute = "f32", inputs = 96, matrices = 1, outputs = 96, tile = "x"}
  return
}

// -----

tok.weight @w : tensor<96x96x!tok.q8_0> = source "m.gguf" at [0] image [0]
func.func @narrow(%x: memref<?x96xf32>, %y: memref<?x96xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'linear' expects the knob 'tile' to be 1, 2, 4, 8, 12 or 16 (an i64), but got 4 : i8}}
  tok.kernel "linear" rows(%n to %n) weights [@w] ins(%x : memref<?x96xf32>) outs(%y : memref<?x96xf32>) {compute = "f32", inputs = 96, matrices = 1, outputs = 96, tile = 4 : i8}
  return
}

// -----

tok.weight @w : tensor<96x96x!tok.q8_0> = source "m.gguf" at [0] image [0]
func.func @index(%x: memref<?x96xf32>, %y: memref<?x96xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'linear' expects the knob 'tile' to be 1, 2, 4, 8, 12 or 16 (an i64), but got 4 : index}}
  tok.kernel "linear" rows(%n to %n) weights [@w] ins(%x : memref<?x96xf32>) outs(%y : memref<?x96xf32>) {compute = "f32", inputs = 96, matrices = 1, outputs = 96, tile = 4 : index}
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 2, k = 64 x f16, v = 64 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @no_head(%q: memref<?x384xf32>, %kv: !kv, %o: memref<?x384xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'attention' expects the knob 'group' to be 1 to the query heads of a key/value head (an i64), but got 0 : i64}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%q, %kv : memref<?x384xf32>, !kv) outs(%o : memref<?x384xf32>) {heads = 6, scale = 0.125 : f32, window = 0, cache = 0, context = 2048, group = 0}
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 2, k = 64 x f16, v = 64 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @too_many_heads(%q: memref<?x384xf32>, %kv: !kv, %o: memref<?x384xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'attention' expects the knob 'group' to be 1 to the query heads of a key/value head (an i64), but got 4 : i64}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%q, %kv : memref<?x384xf32>, !kv) outs(%o : memref<?x384xf32>) {heads = 6, scale = 0.125 : f32, window = 0, cache = 0, context = 2048, group = 4}
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 2, k = 64 x f16, v = 64 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @group_name(%q: memref<?x384xf32>, %kv: !kv, %o: memref<?x384xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'attention' expects the knob 'group' to be 1 to the query heads of a key/value head (an i64), but got "x"}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%q, %kv : memref<?x384xf32>, !kv) outs(%o : memref<?x384xf32>) {heads = 6, scale = 0.125 : f32, window = 0, cache = 0, context = 2048, group = "x"}
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 2, k = 64 x f16, v = 64 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @no_vector(%q: memref<?x384xf32>, %kv: !kv, %o: memref<?x384xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'attention' expects the knob 'vectors' to be 1, 2 or 4 (an i64), but got 0 : i64}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%q, %kv : memref<?x384xf32>, !kv) outs(%o : memref<?x384xf32>) {heads = 6, scale = 0.125 : f32, window = 0, cache = 0, context = 2048, vectors = 0}
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 2, k = 64 x f16, v = 64 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @three_vectors(%q: memref<?x384xf32>, %kv: !kv, %o: memref<?x384xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'attention' expects the knob 'vectors' to be 1, 2 or 4 (an i64), but got 3 : i64}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%q, %kv : memref<?x384xf32>, !kv) outs(%o : memref<?x384xf32>) {heads = 6, scale = 0.125 : f32, window = 0, cache = 0, context = 2048, vectors = 3}
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 2, k = 64 x f16, v = 64 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @vectors_float(%q: memref<?x384xf32>, %kv: !kv, %o: memref<?x384xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'attention' expects the knob 'vectors' to be 1, 2 or 4 (an i64), but got 1.000000e+00 : f32}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%q, %kv : memref<?x384xf32>, !kv) outs(%o : memref<?x384xf32>) {heads = 6, scale = 0.125 : f32, window = 0, cache = 0, context = 2048, vectors = 1.0 : f32}
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 2, k = 64 x f16, v = 64 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @tile_of_four(%q: memref<?x384xf32>, %kv: !kv, %o: memref<?x384xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'attention' expects the knob 'tile' to be 1, 8 or 16 (an i64), but got 4 : i64}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%q, %kv : memref<?x384xf32>, !kv) outs(%o : memref<?x384xf32>) {heads = 6, scale = 0.125 : f32, window = 0, cache = 0, context = 2048, tile = 4}
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 2, k = 64 x f16, v = 64 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @tile_beyond_scratch(%q: memref<?x384xf32>, %kv: !kv, %o: memref<?x384xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'attention' expects the knob 'tile' to be 1, 8 or 16 (an i64), but got 32 : i64}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%q, %kv : memref<?x384xf32>, !kv) outs(%o : memref<?x384xf32>) {heads = 6, scale = 0.125 : f32, window = 0, cache = 0, context = 2048, tile = 32}
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 2, k = 64 x f16, v = 64 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @no_tile_row(%q: memref<?x384xf32>, %kv: !kv, %o: memref<?x384xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'attention' expects the knob 'tile_rows' to be 1, 2, 4 or 8 (an i64), but got 0 : i64}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%q, %kv : memref<?x384xf32>, !kv) outs(%o : memref<?x384xf32>) {heads = 6, scale = 0.125 : f32, window = 0, cache = 0, context = 2048, tile_rows = 0}
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 2, k = 64 x f16, v = 64 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @tile_rows_between(%q: memref<?x384xf32>, %kv: !kv, %o: memref<?x384xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'attention' expects the knob 'tile_rows' to be 1, 2, 4 or 8 (an i64), but got 3 : i64}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%q, %kv : memref<?x384xf32>, !kv) outs(%o : memref<?x384xf32>) {heads = 6, scale = 0.125 : f32, window = 0, cache = 0, context = 2048, tile_rows = 3}
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 2, k = 64 x f16, v = 64 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @tile_vectors_beyond_a_block(%q: memref<?x384xf32>, %kv: !kv, %o: memref<?x384xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'attention' expects the knob 'tile_vectors' to be 1, 2 or 4 (an i64), but got 8 : i64}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%q, %kv : memref<?x384xf32>, !kv) outs(%o : memref<?x384xf32>) {heads = 6, scale = 0.125 : f32, window = 0, cache = 0, context = 2048, tile_vectors = 8}
  return
}
