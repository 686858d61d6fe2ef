// RUN: tokopt-opt %s --split-input-file --verify-diagnostics

// A cache is updated in place: one consuming use, where the value is defined, after all reads.

!kv = !tok.cache<layers = [0-1], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>

// Reads before the consuming use, also from inside a loop, are fine.
func.func @reads_then_consumes(%q: tensor<?x3x32xf32>, %k: tensor<?x1x32xf32>, %kv: !kv, %l: index, %rows: !rows) -> !kv {
  %c0 = arith.constant 0 : index
  %a = tok.attention %q, %kv[%c0], %rows mask = <lane(step = pos)> scale = 0.125 : tensor<?x3x32xf32>, !kv, !rows -> tensor<?x3x32xf32>
  scf.for %i = %l to %l step %l {
    %b = tok.attention %q, %kv[%c0], %rows mask = <lane(step = pos)> scale = 0.125 : tensor<?x3x32xf32>, !kv, !rows -> tensor<?x3x32xf32>
  }
  %kv1 = tok.append %kv[%c0], %rows, %k, %k : !kv, !rows, tensor<?x1x32xf32>, tensor<?x1x32xf32>
  return %kv1 : !kv
}

// A loop that passes the cache from iteration to iteration consumes it once.
func.func @consumes_in_a_loop(%k: tensor<?x1x32xf32>, %kv: !kv, %l: index, %rows: !rows) -> !kv {
  %c0 = arith.constant 0 : index
  %kv1 = scf.for %i = %l to %l step %l iter_args(%c = %kv) -> !kv {
    %c1 = tok.append %c[%c0], %rows, %k, %k : !kv, !rows, tensor<?x1x32xf32>, tensor<?x1x32xf32>
    scf.yield %c1 : !kv
  }
  return %kv1 : !kv
}

// -----

!kv = !tok.cache<layers = [0-1], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>

func.func @appends_twice(%k: tensor<?x1x32xf32>, %kv: !kv, %rows: !rows) -> (!kv, !kv) {
  %l = arith.constant 0 : index
  // expected-note @+1 {{the other use is here}}
  %kv1 = tok.append %kv[%l], %rows, %k, %k : !kv, !rows, tensor<?x1x32xf32>, tensor<?x1x32xf32>
  // expected-error @+1 {{consumes a cache that has another consuming use}}
  %kv2 = tok.append %kv[%l], %rows, %k, %k : !kv, !rows, tensor<?x1x32xf32>, tensor<?x1x32xf32>
  return %kv1, %kv2 : !kv, !kv
}

// -----

!kv = !tok.cache<layers = [0-1], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>

// The value before an append is gone.
func.func @returns_the_old_one(%k: tensor<?x1x32xf32>, %kv: !kv, %rows: !rows) -> !kv {
  %l = arith.constant 0 : index
  // expected-note @+1 {{the other use is here}}
  %kv1 = tok.append %kv[%l], %rows, %k, %k : !kv, !rows, tensor<?x1x32xf32>, tensor<?x1x32xf32>
  // expected-error @+1 {{consumes a cache that has another consuming use}}
  return %kv : !kv
}

// -----

!kv = !tok.cache<layers = [0-1], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>

func.func @returns_twice(%k: tensor<?x1x32xf32>, %kv: !kv, %rows: !rows) -> (!kv, !kv) {
  %l = arith.constant 0 : index
  %kv1 = tok.append %kv[%l], %rows, %k, %k : !kv, !rows, tensor<?x1x32xf32>, tensor<?x1x32xf32>
  // expected-error @+2 {{consumes a cache that has another consuming use}}
  // expected-note @+1 {{the other use is here}}
  return %kv1, %kv1 : !kv, !kv
}

// -----

!kv = !tok.cache<layers = [0-1], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>

func.func @reads_too_late(%q: tensor<?x3x32xf32>, %k: tensor<?x1x32xf32>, %kv: !kv, %rows: !rows) -> !kv {
  %l = arith.constant 0 : index
  // expected-note @+1 {{the consuming use is here}}
  %kv1 = tok.append %kv[%l], %rows, %k, %k : !kv, !rows, tensor<?x1x32xf32>, tensor<?x1x32xf32>
  // expected-error @+1 {{reads a cache after its consuming use}}
  %a = tok.attention %q, %kv[%l], %rows mask = <lane(step = pos)> scale = 0.125 : tensor<?x3x32xf32>, !kv, !rows -> tensor<?x3x32xf32>
  return %kv1 : !kv
}

// -----

!kv = !tok.cache<layers = [0-1], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>

func.func @reads_too_late_inside(%q: tensor<?x3x32xf32>, %k: tensor<?x1x32xf32>, %kv: !kv, %l: index, %rows: !rows) -> !kv {
  %c0 = arith.constant 0 : index
  // expected-note @+1 {{the consuming use is here}}
  %kv1 = tok.append %kv[%c0], %rows, %k, %k : !kv, !rows, tensor<?x1x32xf32>, tensor<?x1x32xf32>
  scf.for %i = %l to %l step %l {
    // expected-error @+1 {{reads a cache after its consuming use}}
    %a = tok.attention %q, %kv[%c0], %rows mask = <lane(step = pos)> scale = 0.125 : tensor<?x3x32xf32>, !kv, !rows -> tensor<?x3x32xf32>
  }
  return %kv1 : !kv
}

// -----

!kv = !tok.cache<layers = [0-1], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>

// The second iteration would append to what the first consumed.
func.func @consumes_again_and_again(%k: tensor<?x1x32xf32>, %kv: !kv, %l: index, %rows: !rows) {
  %c0 = arith.constant 0 : index
  scf.for %i = %l to %l step %l {
    // expected-error @+1 {{consumes a cache of an outer region}}
    %kv1 = tok.append %kv[%c0], %rows, %k, %k : !kv, !rows, tensor<?x1x32xf32>, tensor<?x1x32xf32>
  }
  return
}

// -----

!kv = !tok.cache<layers = [0-1], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>

func.func private @decoder(%x: tensor<?x8xf32>, %rows: !rows, %kv: !kv, %l: index) -> (tensor<?x8xf32>, !kv) attributes {tok.kind} {
  return %x, %kv : tensor<?x8xf32>, !kv
}
// A stack consumes its caches.
func.func @stack(%x: tensor<?x8xf32>, %rows: !rows, %kv: !kv, %n: index) -> !kv {
  // expected-note @+1 {{the other use is here}}
  %y, %f, %kv1 = tok.stack %x, %rows, %kv frontier(%x) rows(%n, %n, %n) [@decoder for 0] : tensor<?x8xf32>, !rows, !kv
  // expected-error @+1 {{consumes a cache that has another consuming use}}
  return %kv : !kv
}

// -----

!kv = !tok.cache<layers = [0-1], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>

// The arguments of a kind, whoever uses them.
func.func private @decoder(%x: tensor<?x8xf32>, %rows: !rows, %kv: !kv, %l: index) -> (tensor<?x8xf32>, !kv, !kv) attributes {tok.kind} {
  // expected-error @+2 {{consumes a cache that has another consuming use}}
  // expected-note @+1 {{the other use is here}}
  return %x, %kv, %kv : tensor<?x8xf32>, !kv, !kv
}

// -----

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

!kv = !tok.cache<layers = [0-1], heads = 2, k = 32 x f32, v = 16 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>

func.func @key(%k: tensor<?x2x16xf32>, %kv: !kv, %rows: !rows) {
  %l = arith.constant 0 : index
  // expected-error @+1 {{expects the key to have 2 heads of 32, but got 'tensor<?x2x16xf32>'}}
  %kv1 = tok.append %kv[%l], %rows, %k, %k : !kv, !rows, tensor<?x2x16xf32>, tensor<?x2x16xf32>
  return
}

// -----

!kv = !tok.cache<layers = [0-1], heads = 2, k = 32 x f32, v = 16 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>

func.func @value(%k: tensor<?x2x32xf32>, %kv: !kv, %rows: !rows) {
  %l = arith.constant 0 : index
  // expected-error @+1 {{expects the value to have 2 heads of 16, but got 'tensor<?x2x32xf32>'}}
  %kv1 = tok.append %kv[%l], %rows, %k, %k : !kv, !rows, tensor<?x2x32xf32>, tensor<?x2x32xf32>
  return
}

// -----

!kv = !tok.cache<layers = [0-1], heads = 2, k = 32 x f32, v = 16 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>

func.func @output(%q: tensor<?x4x32xf32>, %kv: !kv, %rows: !rows) {
  %l = arith.constant 0 : index
  // expected-error @+1 {{expects the output to have 4 heads of 16, but got 'tensor<?x4x32xf32>'}}
  %a = tok.attention %q, %kv[%l], %rows mask = <lane(step = pos)> scale = 0.125 : tensor<?x4x32xf32>, !kv, !rows -> tensor<?x4x32xf32>
  return
}

// -----

!kv = !tok.cache<layers = [0-1], heads = 2, k = 32 x f32, v = 16 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>

func.func @dynamic_heads(%q: tensor<?x?x32xf32>, %kv: !kv, %rows: !rows) {
  %l = arith.constant 0 : index
  // expected-error @+1 {{expects static heads, but got 'tensor<?x?x32xf32>'}}
  %a = tok.attention %q, %kv[%l], %rows mask = <lane(step = pos)> scale = 0.125 : tensor<?x?x32xf32>, !kv, !rows -> tensor<?x4x16xf32>
  return
}

// -----

!kv = !tok.cache<layers = [0-1], heads = 2, k = 32 x f32, v = 16 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>

func.func @groups(%q: tensor<?x3x32xf32>, %kv: !kv, %rows: !rows) {
  %l = arith.constant 0 : index
  // expected-error @+1 {{expects the number of query heads (3) to be a positive multiple of the number of key/value heads (2)}}
  %a = tok.attention %q, %kv[%l], %rows mask = <lane(step = pos)> scale = 0.125 : tensor<?x3x32xf32>, !kv, !rows -> tensor<?x3x16xf32>
  return
}

// -----

!kv = !tok.cache<layers = [0-1], heads = 2, k = 32 x f32, v = 16 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>

func.func @no_heads(%q: tensor<?x0x32xf32>, %kv: !kv, %rows: !rows) {
  %l = arith.constant 0 : index
  // expected-error @+1 {{expects the number of query heads (0) to be a positive multiple of the number of key/value heads (2)}}
  %a = tok.attention %q, %kv[%l], %rows mask = <lane(step = pos)> scale = 0.125 : tensor<?x0x32xf32>, !kv, !rows -> tensor<?x0x16xf32>
  return
}

// -----

!kv = !tok.cache<layers = [0-1], heads = 2, k = 32 x f32, v = 16 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>

func.func @head_size(%q: tensor<?x4x16xf32>, %kv: !kv, %rows: !rows) {
  %l = arith.constant 0 : index
  // expected-error @+1 {{expects query heads of the keys' size 32, but got 16}}
  %a = tok.attention %q, %kv[%l], %rows mask = <lane(step = pos)> scale = 0.125 : tensor<?x4x16xf32>, !kv, !rows -> tensor<?x4x16xf32>
  return
}

// -----

!kv = !tok.cache<layers = [0-1], heads = 2, k = 32 x f32, v = 16 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>

func.func @lse(%q: tensor<?x4x32xf32>, %kv: !kv, %rows: !rows) {
  %l = arith.constant 0 : index
  // expected-error @+1 {{expects lse to have the query's rows and its 4 heads, but got 'tensor<?x2xf32>'}}
  %a, %lse = tok.attention %q, %kv[%l], %rows mask = <full> scale = 0.125 : tensor<?x4x32xf32>, !kv, !rows -> tensor<?x4x16xf32> lse tensor<?x2xf32>
  return
}

// -----

!kv = !tok.cache<layers = [0-1], heads = 2, k = 32 x f32, v = 16 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>

func.func @rows(%k: tensor<4x2x32xf32>, %v: tensor<5x2x16xf32>, %kv: !kv, %rows: !rows) {
  %l = arith.constant 0 : index
  // expected-error @+1 {{failed to verify that all of {key, value} have same number of rows}}
  %kv1 = tok.append %kv[%l], %rows, %k, %v : !kv, !rows, tensor<4x2x32xf32>, tensor<5x2x16xf32>
  return
}

// -----

!kv = !tok.cache<layers = [0-1], heads = 2, k = 32 x f32, v = 16 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>

func.func @lse_rows(%q: tensor<?x4x32xf32>, %kv: !kv, %rows: !rows) {
  %l = arith.constant 0 : index
  // expected-error @+1 {{expects lse to have the query's rows and its 4 heads, but got 'tensor<8x4xf32>'}}
  %a:2 = tok.attention %q, %kv[%l], %rows mask = <full> scale = 0.125 : tensor<?x4x32xf32>, !kv, !rows -> tensor<?x4x16xf32> lse tensor<8x4xf32>
  return
}

// -----

!kv = !tok.cache<layers = [0-1], heads = 2, k = 32 x f32, v = 16 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>

func.func @window_probs_heads(%q: tensor<?x4x32xf32>, %kv: !kv, %l: index, %rows: !rows) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{expects window_probs to have the query's rows and its 4 heads, but got 'tensor<?x2x?xf32>'}}
  %a:2 = tok.attention %q, %kv[%c0], %rows mask = <full> scale = 0.125 slots(%l) : tensor<?x4x32xf32>, !kv, !rows -> tensor<?x4x16xf32> window_probs tensor<?x2x?xf32>
  return
}

// -----

!kv = !tok.cache<layers = [0-1], heads = 2, k = 32 x f32, v = 16 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>

func.func @no_slots(%q: tensor<?x4x32xf32>, %kv: !kv, %rows: !rows) {
  %l = arith.constant 0 : index
  // expected-error @+1 {{expects slots(...) with the result window_probs and only with it}}
  %a:2 = tok.attention %q, %kv[%l], %rows mask = <full> scale = 0.125 : tensor<?x4x32xf32>, !kv, !rows -> tensor<?x4x16xf32> window_probs tensor<?x4x?xf32>
  return
}

// -----

!kv = !tok.cache<layers = [0-1], heads = 2, k = 32 x f32, v = 16 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>

func.func @only_slots(%q: tensor<?x4x32xf32>, %kv: !kv, %l: index, %rows: !rows) {
  %c0 = arith.constant 0 : index
  // expected-error @+1 {{expects slots(...) with the result window_probs and only with it}}
  %a:2 = tok.attention %q, %kv[%c0], %rows mask = <full> scale = 0.125 slots(%l) : tensor<?x4x32xf32>, !kv, !rows -> tensor<?x4x16xf32> lse tensor<?x4xf32>
  return
}

// -----

!kv = !tok.cache<layers = [0-1], heads = 2, k = 32 x f32, v = 16 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>

func.func @no_sum(%q: tensor<?x4x32xf32>, %kv: !kv, %rows: !rows) {
  %l = arith.constant 0 : index
  // expected-error @+1 {{expects the sum so far, key_mass(...), with the result key_mass and only with it}}
  %a:2 = tok.attention %q, %kv[%l], %rows mask = <full> scale = 0.125 : tensor<?x4x32xf32>, !kv, !rows -> tensor<?x4x16xf32> key_mass tensor<?x4x?xf32>
  return
}

// -----

!kv = !tok.cache<layers = [0-1], heads = 2, k = 32 x f32, v = 16 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>

func.func @only_sum(%q: tensor<?x4x32xf32>, %kv: !kv, %rows: !rows, %m: tensor<?x4x?xf32>) {
  %l = arith.constant 0 : index
  // expected-error @+1 {{expects the sum so far, key_mass(...), with the result key_mass and only with it}}
  %a:2 = tok.attention %q, %kv[%l], %rows mask = <full> scale = 0.125 key_mass(%m : tensor<?x4x?xf32>) : tensor<?x4x32xf32>, !kv, !rows -> tensor<?x4x16xf32> lse tensor<?x4xf32>
  return
}

// -----

!kv = !tok.cache<layers = [0-1], heads = 2, k = 32 x f32, v = 16 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>

func.func @other_sum(%q: tensor<?x4x32xf32>, %kv: !kv, %rows: !rows, %m: tensor<?x4x?xf32>) {
  %l = arith.constant 0 : index
  // expected-error @+1 {{expects key_mass to be of the type of the sum so far, 'tensor<?x4x?xf32>', but got 'tensor<?x4x64xf32>'}}
  %a:2 = tok.attention %q, %kv[%l], %rows mask = <full> scale = 0.125 key_mass(%m : tensor<?x4x?xf32>) : tensor<?x4x32xf32>, !kv, !rows -> tensor<?x4x16xf32> key_mass tensor<?x4x64xf32>
  return
}

// -----

!kv = !tok.cache<layers = [0-1], heads = 2, k = 32 x f32, v = 16 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>

func.func @mass_heads(%q: tensor<?x4x32xf32>, %kv: !kv, %rows: !rows, %m: tensor<?x2x?xf32>) {
  %l = arith.constant 0 : index
  // expected-error @+1 {{expects key_mass of 4 heads, but got 'tensor<?x2x?xf32>'}}
  %a:2 = tok.attention %q, %kv[%l], %rows mask = <full> scale = 0.125 key_mass(%m : tensor<?x2x?xf32>) : tensor<?x4x32xf32>, !kv, !rows -> tensor<?x4x16xf32> key_mass tensor<?x2x?xf32>
  return
}
