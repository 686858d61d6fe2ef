// RUN: tokopt-opt %s --split-input-file --tok-lower-to-program | FileCheck %s

// One loop over the layers, the layer's ops once; rows beyond the first full ones only in the layers of the step.

!kv = !tok.cache<layers = [0-2], heads = 1, k = 32 x f16, v = 32 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!rows = !tok.rows<pos, seq>
module attributes {tok.model = #tok.model<arch = "llama", name = "m", layers = 3, width = 96, context = 256, vocab = 64>} {
tok.weight @embd : tensor<64x96x!tok.q8_0> = source "m.gguf" at [0]
tok.weight @q layers = [0-2] : tensor<96x96x!tok.q4_1> = source "m.gguf" at [0, 1, 2]
tok.weight @k layers = [0-2] : tensor<32x96x!tok.q4_1> = source "m.gguf" at [0, 1, 2]

// CHECK: tok.program = {caches = [{name = "kv", page_bytes = 24576 : i64, slots = 64 : i64}]}
// CHECK-NOT: @layer
func.func private @layer(%x: tensor<?x96xf32>, %rows: !rows, %kv: !kv, %l: index) -> (tensor<?x96xf32>, !kv) attributes {tok.kind} {
  %q = tok.linear %x, @q[%l] : tensor<?x96xf32> -> tensor<?x3x32xf32>
  %k = tok.linear %x, @k[%l] : tensor<?x96xf32> -> tensor<?x1x32xf32>
  %qr = tok.rope %q, %rows adjacent base = 1.0e4 dims = 32 : tensor<?x3x32xf32>, !rows
  %kr = tok.rope %k, %rows adjacent base = 1.0e4 dims = 32 : tensor<?x1x32xf32>, !rows
  %kv1 = tok.append %kv[%l], %rows, %kr, %k : !kv, !rows, tensor<?x1x32xf32>, tensor<?x1x32xf32>
  %a = tok.attention %qr, %kv1[%l], %rows mask = <lane(step = pos), window<100>> scale = 0.125 : tensor<?x3x32xf32>, !kv, !rows -> tensor<?x3x32xf32>
  %o = tok.linear %a, @q[%l] : tensor<?x3x32xf32> -> tensor<?x96xf32>
  %x1 = arith.addf %x, %o : tensor<?x96xf32>
  return %x1, %kv1 : tensor<?x96xf32>, !kv
}

// CHECK-LABEL: func.func @step(
// CHECK-SAME:    %[[FULL:[^:]*]]: index {tok.slot = "full_rows"}, %[[LO:[^:]*]]: index {tok.slot = "layer_begin"}, %[[HI:[^:]*]]: index {tok.slot = "layer_end"}
// CHECK-SAME:    %[[F:[^:]*]]: memref<?x96xf32> {tok.slot = "frontier"}
// CHECK-SAME:    %[[KV:[^:]*]]: !kv
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %rows: !rows {tok.slot = "rows"},
    %full: index {tok.slot = "full_rows"}, %lo: index {tok.slot = "layer_begin"}, %hi: index {tok.slot = "layer_end"},
    %f: tensor<?x96xf32> {tok.slot = "frontier"}, %kv: !kv {tok.slot = "kv"})
    -> (tensor<?x96xf32> {tok.slot = "r"}, tensor<?x96xf32> {tok.slot = "frontier"}, !kv {tok.slot = "kv"}) {
  // CHECK: %[[ROWS:.*]] = memref.dim
  // The angles are made once, for all layers and heads.
  // CHECK: %[[ANGLES:.*]] = tok.buffer : memref<?x64xf32>
  // CHECK: tok.kernel "angles" rows(%{{.*}} to %[[ROWS]]) outs(%[[ANGLES]] : memref<?x64xf32>) {base = 1.000000e+04 : f64, dims = 32 : i64, head = 32 : i64, pairs = "adjacent"}
  // CHECK-NOT: tok.kernel "angles"
  // Rows that enter at a later layer have no token; they come from the frontier.
  // CHECK: %[[STARTS:.*]] = arith.cmpi eq, %[[LO]], %{{.*}}
  // CHECK: %[[EMBEDDED:.*]] = arith.select %[[STARTS]], %[[ROWS]], %[[FULL]]
  // CHECK: tok.kernel "embed" rows(%{{.*}} to %[[EMBEDDED]]) weights [@embd] ins({{.*}}) outs(%[[X:.*]] : memref<?x96xf32>)
  // CHECK: tok.kernel "rowwise" rows(%{{.*}} to %[[ROWS]]) ins(%[[F]] : memref<?x96xf32>) outs(%[[X]] : memref<?x96xf32>)
  // CHECK: scf.for %[[L:.*]] = %{{.*}} to %{{.*}} step %{{.*}} {
  // CHECK:   %[[FROM:.*]] = arith.cmpi ule, %[[LO]], %[[L]]
  // CHECK:   %[[TO:.*]] = arith.cmpi ult, %[[L]], %[[HI]]
  // CHECK:   %[[IN:.*]] = arith.andi %[[FROM]], %[[TO]]
  // CHECK:   %[[PASSING:.*]] = arith.select %[[IN]], %[[ROWS]], %[[FULL]]
  // CHECK:   tok.kernel "linear" rows(%{{.*}} to %[[PASSING]]) layer(%[[L]]) weights [@q]
  // CHECK:   tok.kernel "linear" rows(%{{.*}} to %[[PASSING]]) layer(%[[L]]) weights [@k] ins(%[[X]] : memref<?x96xf32>) outs(%[[K:.*]] : memref<?x32xf32>)
  // The query is rotated on its own, beside the original: a later column reads an earlier one.
  // CHECK:   tok.kernel "rowwise" rows(%{{.*}} to %[[PASSING]]) ins(%[[Q:.*]], %[[ANGLES]] : memref<?x96xf32>, memref<?x64xf32>) outs(%[[QR:.*]] : memref<?x96xf32>) {angles = 1 : i64, columns = 96 : i64, head = 32 : i64} prologue {
  // CHECK:   ^bb0(%[[V:.*]]: f32, %[[COS:.*]]: f32, %[[SIN:.*]]: f32):
  // CHECK:     %[[PARTNER:.*]] = tok.partner %[[V]] adjacent head = 32 dims = 32
  // CHECK:     %[[STRAIGHT:.*]] = arith.mulf %[[V]], %[[COS]]
  // CHECK:     math.fma %[[PARTNER]], %[[SIN]], %[[STRAIGHT]]
  // The key is rotated while it is written to the cache; the value is written as it is.
  // CHECK:   tok.kernel "rowwise" rows(%{{.*}} to %[[PASSING]]) layer(%[[L]]) ins(%[[K]], %[[ANGLES]] : memref<?x32xf32>, memref<?x64xf32>) outs(%[[KV]] : !kv) {angles = 1 : i64, cache = 0 : i64, columns = 32 : i64, head = 32 : i64, side = "k"} prologue {
  // CHECK:     tok.partner
  // CHECK:   tok.kernel "rowwise" rows(%{{.*}} to %[[PASSING]]) layer(%[[L]]) ins(%[[K]] : memref<?x32xf32>) outs(%[[KV]] : !kv) {cache = 0 : i64, columns = 32 : i64, head = 32 : i64, side = "v"} prologue {
  // CHECK:   tok.kernel "attention" rows(%{{.*}} to %[[PASSING]]) layer(%[[L]]) ins(%[[QR]], %[[KV]] : memref<?x96xf32>, !kv) outs(%[[A:.*]] : memref<?x96xf32>) {cache = 0 : i64, context = 256 : i64, heads = 3 : i64, scale = 1.250000e-01 : f32, window = 100 : i64}
  // CHECK:   tok.kernel "linear" rows(%{{.*}} to %[[PASSING]]) layer(%[[L]]) weights [@q] ins(%[[A]], %[[X]] : memref<?x96xf32>, memref<?x96xf32>) outs(%[[X]] : memref<?x96xf32>)
  // CHECK: }
  // Rows that leave before the last layer go to the frontier.
  // CHECK: %[[LEAVES:.*]] = arith.cmpi eq, %[[HI]], %{{.*}}
  // CHECK: %[[STAYING:.*]] = arith.select %[[LEAVES]], %[[ROWS]], %[[FULL]]
  // CHECK: tok.kernel "rowwise" rows(%[[STAYING]] to %[[ROWS]]) ins(%[[X]] : memref<?x96xf32>) outs(%[[F]] : memref<?x96xf32>)
  %x = tok.embed %ids, @embd : tensor<?xi32> -> tensor<?x96xf32>
  %y, %g, %kv1 = tok.stack %x, %rows, %kv frontier(%f) rows(%full, %lo, %hi) [@layer for 0-2] : tensor<?x96xf32>, !rows, !kv
  return %y, %g, %kv1 : tensor<?x96xf32>, tensor<?x96xf32>, !kv
}

}

// -----

// Two kinds are a switch on a table; layers that do not count up from 0, another.

!rows = !tok.rows<pos, seq>
tok.weight @a layers = [0-3] : tensor<96x96x!tok.q4_1> = source "m.gguf" at [0, 1, 2, 3]
tok.weight @b layers = [0-3] : tensor<96x96x!tok.q8_0> = source "m.gguf" at [0, 1, 2, 3]

func.func private @first(%x: tensor<?x96xf32>, %rows: !rows, %l: index) -> tensor<?x96xf32> attributes {tok.kind} {
  %y = tok.linear %x, @a[%l] : tensor<?x96xf32> -> tensor<?x96xf32>
  return %y : tensor<?x96xf32>
}
func.func private @second(%x: tensor<?x96xf32>, %rows: !rows, %l: index) -> tensor<?x96xf32> attributes {tok.kind} {
  %y = tok.linear %x, @b[%l] : tensor<?x96xf32> -> tensor<?x96xf32>
  return %y : tensor<?x96xf32>
}

// CHECK: memref.global "private" constant @layers : memref<4xi64> = dense<[0, 2, 1, 3]>
// CHECK: memref.global "private" constant @kinds : memref<4xi64> = dense<[0, 1, 0, 0]>
// CHECK-LABEL: func.func @step(
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %rows: !rows {tok.slot = "rows"},
    %full: index {tok.slot = "full_rows"}, %lo: index {tok.slot = "layer_begin"}, %hi: index {tok.slot = "layer_end"},
    %f: tensor<?x96xf32> {tok.slot = "frontier"}, %x: tensor<?x96xf32> {tok.slot = "x"})
    -> (tensor<?x96xf32> {tok.slot = "r"}, tensor<?x96xf32> {tok.slot = "frontier"}) {
  // The stack works on a copy of an argument.
  // CHECK: tok.kernel "rowwise" {{.*}} ins(%{{.*}} : memref<?x96xf32>) outs(%[[STREAM:.*]] : memref<?x96xf32>)
  // CHECK: scf.for %[[I:.*]] =
  // CHECK:   memref.get_global @layers
  // CHECK:   memref.load %{{.*}}[%[[I]]]
  // CHECK:   %[[L:.*]] = arith.index_cast
  // CHECK:   memref.get_global @kinds
  // CHECK:   %[[KIND:.*]] = arith.index_cast
  // CHECK:   scf.index_switch %[[KIND]]
  // CHECK:   case 1 {
  // CHECK:     tok.kernel "linear" {{.*}} layer(%[[L]]) weights [@b] ins(%[[STREAM]] : memref<?x96xf32>) outs(%[[Y:.*]] : memref<?x96xf32>)
  // A layer's result that is no sum goes back to the stream.
  // CHECK:     tok.kernel "rowwise" {{.*}} ins(%[[Y]] : memref<?x96xf32>) outs(%[[STREAM]] : memref<?x96xf32>)
  // CHECK:     scf.yield
  // CHECK:   default {
  // CHECK:     tok.kernel "linear" {{.*}} layer(%[[L]]) weights [@a]
  %y, %g = tok.stack %x, %rows frontier(%f) rows(%full, %lo, %hi) [@first for 0, @second for 2, @first for 1, @first for 3] : tensor<?x96xf32>, !rows
  return %y, %g : tensor<?x96xf32>, tensor<?x96xf32>
}

// -----

// Two stacks of one kind, two entries: each has its own tables and values.

!rows = !tok.rows<pos, seq>
tok.weight @norm layers = [0-3] : tensor<96xf32> = source "m.gguf" at [0, 1, 2, 3]
tok.weight @a layers = [0-3] : tensor<96x96x!tok.q4_1> = source "m.gguf" at [0, 1, 2, 3]

func.func private @layer(%x: tensor<?x96xf32>, %rows: !rows, %l: index) -> tensor<?x96xf32> attributes {tok.kind} {
  %n = tok.norm %x, @norm[%l] rms eps = 1.0e-5 : tensor<?x96xf32>
  %y = tok.linear %n, @a[%l] compute = <i8, block = 32> : tensor<?x96xf32> -> tensor<?x96xf32>
  %z = arith.addf %x, %y : tensor<?x96xf32>
  return %z : tensor<?x96xf32>
}

// CHECK-DAG: memref.global "private" constant @[[$FIRST:layers.*]] : memref<2xi64> = dense<[1, 0]>
// CHECK-DAG: memref.global "private" constant @[[$SECOND:layers.*]] : memref<2xi64> = dense<[3, 2]>
// CHECK-LABEL: func.func @step(
// CHECK: scf.for
// CHECK:   memref.get_global @[[$FIRST]]
// CHECK:   tok.kernel "rowwise" {{.*}} weights [@norm] ins(%[[X:.*]] : memref<?x96xf32>) outs(%[[N:.*]] : memref<?x{{[0-9]+}}xi8>)
// CHECK:   tok.kernel "linear" {{.*}} ins(%[[N]], %[[X]] : memref<?x{{[0-9]+}}xi8>, memref<?x96xf32>) outs(%[[X]] : memref<?x96xf32>)
// CHECK: scf.for
// CHECK:   memref.get_global @[[$SECOND]]
// CHECK:   tok.kernel "rowwise" {{.*}} weights [@norm] ins(%[[X]] : memref<?x96xf32>) outs(%[[M:.*]] : memref<?x{{[0-9]+}}xi8>)
// CHECK:   tok.kernel "linear" {{.*}} ins(%[[M]], %[[X]] : memref<?x{{[0-9]+}}xi8>, memref<?x96xf32>) outs(%[[X]] : memref<?x96xf32>)
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %rows: !rows {tok.slot = "rows"},
    %full: index {tok.slot = "full_rows"}, %lo: index {tok.slot = "layer_begin"}, %hi: index {tok.slot = "layer_end"},
    %f: tensor<?x96xf32> {tok.slot = "frontier"}, %x: tensor<?x96xf32> {tok.slot = "x"}) -> (tensor<?x96xf32> {tok.slot = "r"}) {
  %y, %g = tok.stack %x, %rows frontier(%f) rows(%full, %lo, %hi) [@layer for 1, @layer for 0] : tensor<?x96xf32>, !rows
  %z, %h = tok.stack %y, %rows frontier(%f) rows(%full, %lo, %hi) [@layer for 3, @layer for 2] : tensor<?x96xf32>, !rows
  return %z : tensor<?x96xf32>
}
