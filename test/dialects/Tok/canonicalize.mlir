// RUN: tokopt-opt %s --split-input-file --canonicalize | FileCheck %s
// RUN: tokopt-opt %s --split-input-file --canonicalize --mlir-print-op-generic | FileCheck %s --check-prefix=GENERIC

// CHECK-LABEL: func.func @takes_every_row
// CHECK-SAME:    %[[X:.*]]: tensor<3x8xf32>, %[[R:.*]]: !tok.rows<pos, seq>
// CHECK-NEXT:    return %[[X]], %[[R]]
func.func @takes_every_row(%x: tensor<3x8xf32>, %rows: !tok.rows<pos, seq>) -> (tensor<3x8xf32>, !tok.rows<pos, seq>) {
  %out = arith.constant dense<[0, 1, 2]> : tensor<3xi32>
  %y, %r = tok.take %x, %out, %rows : tensor<3x8xf32>, tensor<3xi32>, !tok.rows<pos, seq>
  return %y, %r : tensor<3x8xf32>, !tok.rows<pos, seq>
}

// Another order, a part, rows of unknown number: all of them take something.
// CHECK-LABEL: func.func @takes_some_rows
// CHECK-COUNT-3: tok.take
func.func @takes_some_rows(%x: tensor<3x8xf32>, %y: tensor<?x8xf32>) -> (tensor<3x8xf32>, tensor<2x8xf32>, tensor<3x8xf32>) {
  %turned = arith.constant dense<[0, 2, 1]> : tensor<3xi32>
  %some = arith.constant dense<[0, 1]> : tensor<2xi32>
  %all = arith.constant dense<[0, 1, 2]> : tensor<3xi32>
  %0 = tok.take %x, %turned : tensor<3x8xf32>, tensor<3xi32>
  %1 = tok.take %x, %some : tensor<3x8xf32>, tensor<2xi32>
  %2 = tok.take %y, %all : tensor<?x8xf32>, tensor<3xi32>
  return %0, %1, %2 : tensor<3x8xf32>, tensor<2x8xf32>, tensor<3x8xf32>
}

// CHECK-LABEL: func.func @columns_that_nobody_reads
// CHECK:         tok.take %{{.*}}, %{{.*}} : tensor<?x8xf32>, tensor<?xi32>{{ *$}}
func.func @columns_that_nobody_reads(%x: tensor<?x8xf32>, %out: tensor<?xi32>, %rows: !tok.rows<pos, seq>) -> tensor<?x8xf32> {
  %y, %r = tok.take %x, %out, %rows : tensor<?x8xf32>, tensor<?xi32>, !tok.rows<pos, seq>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @columns_that_are_read
// CHECK:         tok.take %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x8xf32>, tensor<?xi32>, !tok.rows<pos, seq>
func.func @columns_that_are_read(%x: tensor<?x8xf32>, %out: tensor<?xi32>, %rows: !tok.rows<pos, seq>) -> !tok.rows<pos, seq> {
  %y, %r = tok.take %x, %out, %rows : tensor<?x8xf32>, tensor<?xi32>, !tok.rows<pos, seq>
  return %r : !tok.rows<pos, seq>
}

// -----

tok.weight @e : tensor<64x96x!tok.q8_0> = source "m.gguf" at [0]

// A scale of 1 is none, so the factor takes its place.
// CHECK-LABEL: func.func @scaled_embedding
// CHECK:         %[[X:.*]] = tok.embed %{{.*}}, @e {scale = 9.750000e+00 : f32}
// CHECK-NEXT:    return %[[X]]
func.func @scaled_embedding(%ids: tensor<3xi32>) -> tensor<3x96xf32> {
  %c = arith.constant dense<9.75> : tensor<3x96xf32>
  %x = tok.embed %ids, @e {scale = 1.0 : f32} : tensor<3xi32> -> tensor<3x96xf32>
  %y = arith.mulf %x, %c : tensor<3x96xf32>
  return %y : tensor<3x96xf32>
}

// CHECK-LABEL: func.func @scaled_twice
// CHECK:         tok.embed %{{.*}}, @e {scale = 2.000000e+00 : f32}
// CHECK:         arith.mulf
func.func @scaled_twice(%ids: tensor<3xi32>) -> tensor<3x96xf32> {
  %c = arith.constant dense<9.75> : tensor<3x96xf32>
  %x = tok.embed %ids, @e {scale = 2.0 : f32} : tensor<3xi32> -> tensor<3x96xf32>
  %y = arith.mulf %x, %c : tensor<3x96xf32>
  return %y : tensor<3x96xf32>
}

// CHECK-LABEL: func.func @read_twice
// CHECK:         tok.embed %{{.*}}, @e :
// CHECK:         arith.mulf
func.func @read_twice(%ids: tensor<3xi32>) -> (tensor<3x96xf32>, tensor<3x96xf32>) {
  %c = arith.constant dense<9.75> : tensor<3x96xf32>
  %x = tok.embed %ids, @e : tensor<3xi32> -> tensor<3x96xf32>
  %y = arith.mulf %x, %c : tensor<3x96xf32>
  return %x, %y : tensor<3x96xf32>, tensor<3x96xf32>
}

// -----

!kv = !tok.cache<layers = [0-1], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>

module attributes {tok.model = #tok.model<arch = "llama", name = "m", layers = 2, width = 96, context = 256, vocab = 64>} {
  // CHECK-LABEL: func.func @unread_results
  // CHECK:         tok.attention %{{.*}} mask = <lane(step = pos)> scale = 1.250000e-01 : tensor<?x3x32xf32>, !kv, <pos, seq> -> tensor<?x3x32xf32>{{ *$}}
  func.func @unread_results(%q: tensor<?x3x32xf32>, %kv: !kv, %l: index, %rows: !rows, %m: tensor<?x3x?xf32>) -> tensor<?x3x32xf32> {
    %c0 = arith.constant 0 : index
    %a, %lse, %mass, %probs = tok.attention %q, %kv[%c0], %rows mask = <lane(step = pos)> scale = 0.125 key_mass(%m : tensor<?x3x?xf32>) slots(%l) : tensor<?x3x32xf32>, !kv, !rows -> tensor<?x3x32xf32> lse tensor<?x3xf32> key_mass tensor<?x3x?xf32> window_probs tensor<?x3x?xf32>
    return %a : tensor<?x3x32xf32>
  }

  // CHECK-LABEL: func.func @read_results
  // CHECK:         lse tensor<?x3xf32>{{ *$}}
  func.func @read_results(%q: tensor<?x3x32xf32>, %kv: !kv, %rows: !rows, %m: tensor<?x3x?xf32>) -> (tensor<?x3x32xf32>, tensor<?x3xf32>) {
    %l = arith.constant 0 : index
    %a, %lse, %mass = tok.attention %q, %kv[%l], %rows mask = <lane(step = pos)> scale = 0.125 key_mass(%m : tensor<?x3x?xf32>) : tensor<?x3x32xf32>, !kv, !rows -> tensor<?x3x32xf32> lse tensor<?x3xf32> key_mass tensor<?x3x?xf32>
    return %a, %lse : tensor<?x3x32xf32>, tensor<?x3xf32>
  }

  // Each operand goes with its own result.
  // CHECK-LABEL: func.func @read_sums
  // CHECK:         scale = 1.250000e-01 key_mass(%{{.*}} : tensor<?x3x?xf32>) : {{.*}} -> tensor<?x3x32xf32> key_mass tensor<?x3x?xf32>{{ *$}}
  // CHECK:         scale = 1.250000e-01 slots(%{{.*}}) : {{.*}} -> tensor<?x3x32xf32> window_probs tensor<?x3x?xf32>{{ *$}}
  func.func @read_sums(%q: tensor<?x3x32xf32>, %kv: !kv, %l: index, %rows: !rows, %m: tensor<?x3x?xf32>) -> (tensor<?x3x?xf32>, tensor<?x3x?xf32>) {
    %c0 = arith.constant 0 : index
    %a, %mass, %probs = tok.attention %q, %kv[%c0], %rows mask = <lane(step = pos)> scale = 0.125 key_mass(%m : tensor<?x3x?xf32>) slots(%l) : tensor<?x3x32xf32>, !kv, !rows -> tensor<?x3x32xf32> key_mass tensor<?x3x?xf32> window_probs tensor<?x3x?xf32>
    %b, %mass2, %probs2 = tok.attention %q, %kv[%c0], %rows mask = <lane(step = pos)> scale = 0.125 key_mass(%m : tensor<?x3x?xf32>) slots(%l) : tensor<?x3x32xf32>, !kv, !rows -> tensor<?x3x32xf32> key_mass tensor<?x3x?xf32> window_probs tensor<?x3x?xf32>
    return %mass, %probs2 : tensor<?x3x?xf32>, tensor<?x3x?xf32>
  }

  // Nothing to drop.
  // CHECK-LABEL: func.func @all_read
  // CHECK:         key_mass(%{{.*}} : tensor<?x3x?xf32>) slots(%{{.*}}) : {{.*}} lse tensor<?x3xf32> key_mass tensor<?x3x?xf32> window_probs tensor<?x3x?xf32>{{ *$}}
  func.func @all_read(%q: tensor<?x3x32xf32>, %kv: !kv, %l: index, %rows: !rows, %m: tensor<?x3x?xf32>) -> (tensor<?x3xf32>, tensor<?x3x?xf32>, tensor<?x3x?xf32>) {
    %c0 = arith.constant 0 : index
    %a, %lse, %mass, %probs = tok.attention %q, %kv[%c0], %rows mask = <lane(step = pos)> scale = 0.125 key_mass(%m : tensor<?x3x?xf32>) slots(%l) : tensor<?x3x32xf32>, !kv, !rows -> tensor<?x3x32xf32> lse tensor<?x3xf32> key_mass tensor<?x3x?xf32> window_probs tensor<?x3x?xf32>
    return %lse, %mass, %probs : tensor<?x3xf32>, tensor<?x3x?xf32>, tensor<?x3x?xf32>
  }

  // No position is 256 or more.
  // CHECK-LABEL: func.func @window_of_everything
  // CHECK:         mask = <lane(step = pos)> scale
  // CHECK:         mask = <lane(step = pos), window<255>> scale
  // CHECK:         mask = <full> scale
  func.func @window_of_everything(%q: tensor<?x3x32xf32>, %kv: !kv, %rows: !rows) -> (tensor<?x3x32xf32>, tensor<?x3x32xf32>, tensor<?x3x32xf32>) {
    %l = arith.constant 0 : index
    %a = tok.attention %q, %kv[%l], %rows mask = <lane(step = pos), window<256>> scale = 0.125 : tensor<?x3x32xf32>, !kv, !rows -> tensor<?x3x32xf32>
    %b = tok.attention %q, %kv[%l], %rows mask = <lane(step = pos), window<255>> scale = 0.125 : tensor<?x3x32xf32>, !kv, !rows -> tensor<?x3x32xf32>
    %c = tok.attention %q, %kv[%l], %rows mask = <window<256>> scale = 0.125 : tensor<?x3x32xf32>, !kv, !rows -> tensor<?x3x32xf32>
    return %a, %b, %c : tensor<?x3x32xf32>, tensor<?x3x32xf32>, tensor<?x3x32xf32>
  }
}

// -----

// Ops without effect go when nobody reads them.
tok.weight @norm : tensor<96xf32> = source "m.gguf" at [0]
tok.weight @w : tensor<96x96x!tok.q4_1> = source "m.gguf" at [0]

// CHECK-LABEL: func.func @dead
// CHECK-NEXT:    return
func.func @dead(%x: tensor<?x96xf32>, %rows: !tok.rows<pos, seq>) {
  %n = tok.norm %x, @norm rms eps = 1.0e-5 : tensor<?x96xf32>
  %q = tok.linear %n, @w : tensor<?x96xf32> -> tensor<?x3x32xf32>
  %r = tok.rope %q, %rows adjacent base = 1.0e4 dims = 32 : tensor<?x3x32xf32>, !tok.rows<pos, seq>
  %g = tok.gated %n, %x silu : tensor<?x96xf32>
  return
}

// -----

func.func private @a(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %l: index) -> tensor<?x8xf32> attributes {tok.kind} {
  return %x : tensor<?x8xf32>
}
func.func private @b(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %l: index) -> tensor<?x8xf32> attributes {tok.kind} {
  return %x : tensor<?x8xf32>
}

// The pretty form lists no unused kind, so the generic form is checked.
// GENERIC-LABEL: sym_name = "unused_kind"
// GENERIC:       "tok.stack"
// GENERIC-SAME:  kindOf = array<i64: 0, 0>, kinds = [@b], layers = array<i64: 0, 1>
func.func @unused_kind(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %n: index, %f: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %y:2 = "tok.stack"(%x, %rows, %f, %n, %n, %n) {kindOf = array<i64: 1, 1>, kinds = [@a, @b], layers = array<i64: 0, 1>} : (tensor<?x8xf32>, !tok.rows<pos, seq>, tensor<?x8xf32>, index, index, index) -> (tensor<?x8xf32>, tensor<?x8xf32>)
  return %y#0, %y#1 : tensor<?x8xf32>, tensor<?x8xf32>
}

// GENERIC-LABEL: sym_name = "used_kinds"
// GENERIC:       "tok.stack"
// GENERIC-SAME:  kindOf = array<i64: 1, 0>, kinds = [@a, @b], layers = array<i64: 0, 1>
func.func @used_kinds(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %n: index, %f: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %y:2 = "tok.stack"(%x, %rows, %f, %n, %n, %n) {kindOf = array<i64: 1, 0>, kinds = [@a, @b], layers = array<i64: 0, 1>} : (tensor<?x8xf32>, !tok.rows<pos, seq>, tensor<?x8xf32>, index, index, index) -> (tensor<?x8xf32>, tensor<?x8xf32>)
  return %y#0, %y#1 : tensor<?x8xf32>, tensor<?x8xf32>
}

// -----

// f32 values are their own values; what is left gives the source as it is, so it is no expression.
// CHECK: tok.weight @identity : tensor<2x32xf32> = source "m.gguf" at [0]{{$}}
tok.weight @s : tensor<32xf32> = source "m.gguf" at [0]
tok.weight @identity : tensor<2x32xf32> = source "m.gguf" at [0] : tensor<2x32xf32> with @s {
^bb0(%w: tensor<2x32xf32>, %s: tensor<32xf32>):
  %d = tok.dequantize %w : tensor<2x32xf32>
  %q = tok.quantize %d -> tensor<2x32xf32>
  tok.yield %q : tensor<2x32xf32>
}

// A family that the expression does not read is not named.
// CHECK: tok.weight @one_of_two : tensor<2x32xf32> = source "m.gguf" at [0] : tensor<2x32xf16> with @t {
// CHECK-NEXT: ^bb0(%{{.*}}: tensor<2x32xf16>, %[[T:.*]]: tensor<32xf32>):
// CHECK:        tok.scale_columns %{{.*}}, %[[T]]
tok.weight @t : tensor<32xf32> = source "m.gguf" at [0]
tok.weight @one_of_two : tensor<2x32xf32> = source "m.gguf" at [0] : tensor<2x32xf16> with @s, @t, @s {
^bb0(%w: tensor<2x32xf16>, %s: tensor<32xf32>, %t: tensor<32xf32>, %u: tensor<32xf32>):
  %d = tok.dequantize %w : tensor<2x32xf16>
  %unread = tok.scale_columns %d, %s : tensor<2x32xf32>
  %e = tok.scale_columns %d, %t : tensor<2x32xf32>
  tok.yield %e : tensor<2x32xf32>
}

// Through a format and back is lossy even when it is the same format; two scales round twice.
// CHECK-LABEL: func.func @what_rounds_stays
// CHECK:         tok.dequantize
// CHECK-NEXT:    tok.quantize
// CHECK-NEXT:    tok.scale_columns
// CHECK-NEXT:    tok.scale_columns
func.func @what_rounds_stays(%w: tensor<2x32x!tok.q8_0>, %x: tensor<2x32xf32>, %s: tensor<32xf32>)
    -> (tensor<2x32x!tok.q8_0>, tensor<2x32xf32>) {
  %0 = tok.dequantize %w : tensor<2x32x!tok.q8_0>
  %1 = tok.quantize %0 -> tensor<2x32x!tok.q8_0>
  %2 = tok.scale_columns %x, %s : tensor<2x32xf32>
  %3 = tok.scale_columns %2, %s : tensor<2x32xf32>
  return %1, %3 : tensor<2x32x!tok.q8_0>, tensor<2x32xf32>
}
