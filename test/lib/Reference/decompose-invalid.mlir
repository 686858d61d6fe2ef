// RUN: tokopt-opt %s --tok-decompose --split-input-file --verify-diagnostics

!kv = !tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64,
    keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared,
    columns = [pos], digests = []>
func.func @key_mass(%q: tensor<?x1x32xf32>, %kv: !kv, %rows: !tok.rows<pos, seq>, %m: tensor<?x1x64xf32>) -> tensor<?x1x64xf32> {
  %l = arith.constant 0 : index
  // expected-error @below {{has no decomposition for key_mass of a size that only the step knows; expects static sequences and slots, but got 'tensor<?x1x64xf32>'}}
  %a, %s = tok.attention %q, %kv[%l], %rows mask = <lane(step = pos)> scale = 0.125 key_mass(%m : tensor<?x1x64xf32>)
      : tensor<?x1x32xf32>, !kv, !tok.rows<pos, seq> -> tensor<?x1x32xf32> key_mass tensor<?x1x64xf32>
  return %s : tensor<?x1x64xf32>
}

// -----

!kv = !tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64,
    keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared,
    columns = [pos], digests = []>
func.func @key_mass(%q: tensor<?x1x32xf32>, %kv: !kv, %rows: !tok.rows<pos, seq>, %m: tensor<2x1x?xf32>) -> tensor<2x1x?xf32> {
  %l = arith.constant 0 : index
  // expected-error @below {{has no decomposition for key_mass of a size that only the step knows; expects static sequences and slots, but got 'tensor<2x1x?xf32>'}}
  %a, %s = tok.attention %q, %kv[%l], %rows mask = <lane(step = pos)> scale = 0.125 key_mass(%m : tensor<2x1x?xf32>)
      : tensor<?x1x32xf32>, !kv, !tok.rows<pos, seq> -> tensor<?x1x32xf32> key_mass tensor<2x1x?xf32>
  return %s : tensor<2x1x?xf32>
}

// -----

!kv = !tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64,
    keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared,
    columns = [pos], digests = []>
func.func @window_probs(%q: tensor<?x1x32xf32>, %kv: !kv, %l: index, %rows: !tok.rows<pos, seq>) -> tensor<?x1x?xf32> {
  %c0 = arith.constant 0 : index
  // expected-error @below {{has no decomposition for window_probs of a size that only the step knows; expects static slots, but got 'tensor<?x1x?xf32>'}}
  %a, %p = tok.attention %q, %kv[%c0], %rows mask = <lane(step = pos)> scale = 0.125 slots(%l)
      : tensor<?x1x32xf32>, !kv, !tok.rows<pos, seq> -> tensor<?x1x32xf32> window_probs tensor<?x1x?xf32>
  return %p : tensor<?x1x?xf32>
}

// -----

!kv = !tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64,
    keys = pre_rope, window = 0, sinks = 0, residual = 0, tables = shared,
    columns = [pos], digests = []>
func.func @keys(%kv: !kv, %rows: !tok.rows<pos, seq>, %k: tensor<?x1x32xf32>) -> !kv {
  %l = arith.constant 0 : index
  // expected-error @below {{has no decomposition for a cache with keys = pre_rope; expects keys = post_rope}}
  %kv1 = tok.append %kv[%l], %rows, %k, %k
      : !kv, !tok.rows<pos, seq>, tensor<?x1x32xf32>, tensor<?x1x32xf32>
  return %kv1 : !kv
}

// -----

!kv = !tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64,
    keys = post_rope, window = 0, sinks = 0, residual = 0, tables = head,
    columns = [pos], digests = []>
func.func @tables(%kv: !kv, %rows: !tok.rows<pos, seq>, %k: tensor<?x1x32xf32>) -> !kv {
  %l = arith.constant 0 : index
  // expected-error @below {{has no decomposition for a cache with tables = head; expects tables = shared}}
  %kv1 = tok.append %kv[%l], %rows, %k, %k
      : !kv, !tok.rows<pos, seq>, tensor<?x1x32xf32>, tensor<?x1x32xf32>
  return %kv1 : !kv
}

// -----

!kv = !tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64,
    keys = post_rope, window = 512, sinks = 4, residual = 0, tables = shared,
    columns = [pos], digests = []>
func.func @window(%kv: !kv, %rows: !tok.rows<pos, seq>, %k: tensor<?x1x32xf32>) -> !kv {
  %l = arith.constant 0 : index
  // expected-error @below {{has no decomposition for a cache with window, sinks or residual; expects 0 for each}}
  %kv1 = tok.append %kv[%l], %rows, %k, %k
      : !kv, !tok.rows<pos, seq>, tensor<?x1x32xf32>, tensor<?x1x32xf32>
  return %kv1 : !kv
}

// -----

!kv = !tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64,
    keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared,
    columns = [pos, size], digests = []>
func.func @columns(%kv: !kv, %rows: !tok.rows<pos, seq>, %k: tensor<?x1x32xf32>) -> !kv {
  %l = arith.constant 0 : index
  // expected-error @below {{has no decomposition for a cache with other columns than pos; expects columns = [pos]}}
  %kv1 = tok.append %kv[%l], %rows, %k, %k
      : !kv, !tok.rows<pos, seq>, tensor<?x1x32xf32>, tensor<?x1x32xf32>
  return %kv1 : !kv
}

// -----

!kv = !tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64,
    keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared,
    columns = [pos], digests = [minmax]>
func.func @digests(%kv: !kv, %rows: !tok.rows<pos, seq>, %k: tensor<?x1x32xf32>) -> !kv {
  %l = arith.constant 0 : index
  // expected-error @below {{has no decomposition for a cache with digests; expects digests = []}}
  %kv1 = tok.append %kv[%l], %rows, %k, %k
      : !kv, !tok.rows<pos, seq>, tensor<?x1x32xf32>, tensor<?x1x32xf32>
  return %kv1 : !kv
}

// -----

tok.weight @a : tensor<1048576x134217728xf32> = source "m.gguf" at [0]
tok.weight @b : tensor<1048576x134217728xf32> = source "m.gguf" at [0]
// expected-error @below {{expects all weights together to have at most 2^50 bytes}}
tok.weight @c : tensor<1xf32> = source "m.gguf" at [0]

// -----

func.func @fixed_rows(%g: tensor<4x160xf32>) -> tensor<4x160xf32> {
  // expected-error @below {{has no decomposition for a fixed number of rows; expects tensor<?x...>, but got 'tensor<4x160xf32>'}}
  %h = tok.gated %g, %g silu : tensor<4x160xf32>
  return %h : tensor<4x160xf32>
}

// -----

// expected-error @below {{expects a kind or an entry of one block}}
func.func @blocks(%x: tensor<?x8xf32>) -> (tensor<?x8xf32> {tok.slot = "logits"}) {
  cf.br ^bb1
^bb1:
  return %x : tensor<?x8xf32>
}

// -----

// expected-error @below {{expects results of rows of static size, tensor<?x...>, but got 'tensor<?x?xf32>'}}
func.func @sizes(%x: tensor<?x?xf32>) -> (tensor<?x?xf32> {tok.slot = "logits"}) {
  return %x : tensor<?x?xf32>
}
