// RUN: tokopt-opt %s --split-input-file --verify-diagnostics --tok-choose-kernels=target=sm_80
// RUN: tokopt-opt %s --split-input-file --verify-diagnostics --tok-plan-buffers=target=cuda

!kv = !tok.cache<layers = [0], heads = 2, k = 64 x f16, v = 64 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @no_head(%q: memref<?x384xf32>, %kv: !kv, %o: memref<?x384xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'attention' expects the knob 'group' to be 1 to 8, a divisor of the query heads of a key/value head (an i64), but got 0 : i64}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%q, %kv : memref<?x384xf32>, !kv) outs(%o : memref<?x384xf32>) {heads = 6, scale = 0.125 : f32, window = 0, cache = 0, context = 2048, group = 0}
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 2, k = 64 x f16, v = 64 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @no_divisor(%q: memref<?x384xf32>, %kv: !kv, %o: memref<?x384xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'attention' expects the knob 'group' to be 1 to 8, a divisor of the query heads of a key/value head (an i64), but got 2 : i64}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%q, %kv : memref<?x384xf32>, !kv) outs(%o : memref<?x384xf32>) {heads = 6, scale = 0.125 : f32, window = 0, cache = 0, context = 2048, group = 2}
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 2, k = 64 x f16, v = 64 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @group_name(%q: memref<?x384xf32>, %kv: !kv, %o: memref<?x384xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'attention' expects the knob 'group' to be 1 to 8, a divisor of the query heads of a key/value head (an i64), but got "x"}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%q, %kv : memref<?x384xf32>, !kv) outs(%o : memref<?x384xf32>) {heads = 6, scale = 0.125 : f32, window = 0, cache = 0, context = 2048, group = "x"}
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 2, k = 64 x f16, v = 64 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @no_warp(%q: memref<?x384xf32>, %kv: !kv, %o: memref<?x384xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'attention' expects the knob 'warps' to be 2, 4 or 8 (an i64), but got 0 : i64}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%q, %kv : memref<?x384xf32>, !kv) outs(%o : memref<?x384xf32>) {heads = 6, scale = 0.125 : f32, window = 0, cache = 0, context = 2048, warps = 0}
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 2, k = 64 x f16, v = 64 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @three_warps(%q: memref<?x384xf32>, %kv: !kv, %o: memref<?x384xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'attention' expects the knob 'warps' to be 2, 4 or 8 (an i64), but got 3 : i64}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%q, %kv : memref<?x384xf32>, !kv) outs(%o : memref<?x384xf32>) {heads = 6, scale = 0.125 : f32, window = 0, cache = 0, context = 2048, warps = 3}
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 2, k = 64 x f16, v = 64 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @warps_name(%q: memref<?x384xf32>, %kv: !kv, %o: memref<?x384xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'attention' expects the knob 'warps' to be 2, 4 or 8 (an i64), but got "x"}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%q, %kv : memref<?x384xf32>, !kv) outs(%o : memref<?x384xf32>) {heads = 6, scale = 0.125 : f32, window = 0, cache = 0, context = 2048, warps = "x"}
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 2, k = 64 x f16, v = 64 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @no_row(%q: memref<?x384xf32>, %kv: !kv, %o: memref<?x384xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'attention' expects the knob 'split_rows' to be 1 to 65535 (an i64), but got 0 : i64}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%q, %kv : memref<?x384xf32>, !kv) outs(%o : memref<?x384xf32>) {heads = 6, scale = 0.125 : f32, window = 0, cache = 0, context = 2048, split_rows = 0}
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 2, k = 64 x f16, v = 64 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @negative_rows(%q: memref<?x384xf32>, %kv: !kv, %o: memref<?x384xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'attention' expects the knob 'split_rows' to be 1 to 65535 (an i64), but got -5 : i64}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%q, %kv : memref<?x384xf32>, !kv) outs(%o : memref<?x384xf32>) {heads = 6, scale = 0.125 : f32, window = 0, cache = 0, context = 2048, split_rows = -5}
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 2, k = 64 x f16, v = 64 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @too_many_rows(%q: memref<?x384xf32>, %kv: !kv, %o: memref<?x384xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'attention' expects the knob 'split_rows' to be 1 to 65535 (an i64), but got 9223372036854775807 : i64}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%q, %kv : memref<?x384xf32>, !kv) outs(%o : memref<?x384xf32>) {heads = 6, scale = 0.125 : f32, window = 0, cache = 0, context = 2048, split_rows = 9223372036854775807}
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 2, k = 64 x f16, v = 64 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @rows_bit(%q: memref<?x384xf32>, %kv: !kv, %o: memref<?x384xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'attention' expects the knob 'split_rows' to be 1 to 65535 (an i64), but got true}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%q, %kv : memref<?x384xf32>, !kv) outs(%o : memref<?x384xf32>) {heads = 6, scale = 0.125 : f32, window = 0, cache = 0, context = 2048, split_rows = true}
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 2, k = 64 x f16, v = 64 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @rows_name(%q: memref<?x384xf32>, %kv: !kv, %o: memref<?x384xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'attention' expects the knob 'split_rows' to be 1 to 65535 (an i64), but got "x"}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%q, %kv : memref<?x384xf32>, !kv) outs(%o : memref<?x384xf32>) {heads = 6, scale = 0.125 : f32, window = 0, cache = 0, context = 2048, split_rows = "x"}
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 2, k = 64 x f16, v = 64 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @odd_tile(%q: memref<?x384xf32>, %kv: !kv, %o: memref<?x384xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'attention' expects the knob 'row_tile' to be 64 or 128 (an i64), but got 96 : i64}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%q, %kv : memref<?x384xf32>, !kv) outs(%o : memref<?x384xf32>) {heads = 6, scale = 0.125 : f32, window = 0, cache = 0, context = 2048, compute = "f16", row_tile = 96}
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 2, k = 64 x f16, v = 64 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @one_stage(%q: memref<?x384xf32>, %kv: !kv, %o: memref<?x384xf32>, %n: index) {
  // expected-error@+1 {{'tok.kernel' op of the family 'attention' expects the knob 'stages' to be 2 or 3 (an i64), but got 1 : i64}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%q, %kv : memref<?x384xf32>, !kv) outs(%o : memref<?x384xf32>) {heads = 6, scale = 0.125 : f32, window = 0, cache = 0, context = 2048, compute = "f16", stages = 1}
  return
}
