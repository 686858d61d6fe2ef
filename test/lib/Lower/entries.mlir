// RUN: tokopt-opt %s --split-input-file --tok-lower-to-program | FileCheck %s

// Two entries apply one kind, which stands behind both; the second has a cache of its own. Kernels
// know a cache by its number in the module, whatever the entry's order.

!rows = !tok.rows<pos, seq>
!kv = !tok.cache<layers = [0-1], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!draft = !tok.cache<layers = [0], heads = 1, k = 32 x f16, v = 32 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>

// CHECK: tok.program = {caches = [{name = "kv", page_bytes = {{[0-9]+}} : i64, slots = 64 : i64}, {name = "draft", page_bytes = {{[0-9]+}} : i64, slots = 64 : i64}]
// CHECK-SAME: logits_stride = 64 : i64
// CHECK-NOT:  tok.kind
// CHECK-LABEL: func.func @step(
// CHECK:         tok.kernel "rowwise" {{.*}} {cache = 0 : i64, columns = 32 : i64, head = 32 : i64, side = "k"}
// CHECK-LABEL: func.func @both(
// CHECK:         tok.kernel "rowwise" {{.*}} {cache = 1 : i64, columns = 32 : i64, head = 32 : i64, side = "k"}
// CHECK:         scf.for
// CHECK:         tok.kernel "rowwise" {{.*}} {cache = 0 : i64, columns = 32 : i64, head = 32 : i64, side = "k"}
// CHECK-NOT:  tok.kind
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %rows: !rows {tok.slot = "rows"},
    %full: index {tok.slot = "full_rows"}, %lo: index {tok.slot = "layer_begin"}, %hi: index {tok.slot = "layer_end"},
    %f: tensor<?x32xf32> {tok.slot = "frontier"}, %kv: !kv {tok.slot = "kv"})
    -> (tensor<?x32xf32> {tok.slot = "frontier"}, !kv {tok.slot = "kv"}) {
  %x = tok.embed %ids, @e : tensor<?xi32> -> tensor<?x32xf32>
  %y, %g, %kv1 = tok.stack %x, %rows, %kv frontier(%f) rows(%full, %lo, %hi) [@layer for 0-1] : tensor<?x32xf32>, !rows, !kv
  return %g, %kv1 : tensor<?x32xf32>, !kv
}

func.func @both(%ids: tensor<?xi32> {tok.slot = "ids"}, %rows: !rows {tok.slot = "rows"}, %draft: !draft {tok.slot = "draft"},
    %full: index {tok.slot = "full_rows"}, %lo: index {tok.slot = "layer_begin"}, %hi: index {tok.slot = "layer_end"},
    %f: tensor<?x32xf32> {tok.slot = "frontier"}, %k: tensor<?x1x32xf32> {tok.slot = "x"}, %kv: !kv {tok.slot = "kv"})
    -> (tensor<?x64xf32> {tok.slot = "logits"}, !draft {tok.slot = "draft"}, !kv {tok.slot = "kv"}) {
  %c0 = arith.constant 0 : index
  %draft1 = tok.append %draft[%c0], %rows, %k, %k : !draft, !rows, tensor<?x1x32xf32>, tensor<?x1x32xf32>
  %x = tok.embed %ids, @e : tensor<?xi32> -> tensor<?x32xf32>
  %y, %g, %kv1 = tok.stack %x, %rows, %kv frontier(%f) rows(%full, %lo, %hi) [@layer for 0-1] : tensor<?x32xf32>, !rows, !kv
  %z = tok.linear %y, @e : tensor<?x32xf32> -> tensor<?x64xf32>
  return %z, %draft1, %kv1 : tensor<?x64xf32>, !draft, !kv
}

tok.weight @e : tensor<64x32xf32> = source "m.gguf" at [0]
tok.weight @k layers = [0-1] : tensor<32x32xf32> = source "m.gguf" at [0, 1]

func.func private @layer(%x: tensor<?x32xf32>, %rows: !rows, %kv: !kv, %l: index) -> (tensor<?x32xf32>, !kv) attributes {tok.kind} {
  %k = tok.linear %x, @k[%l] : tensor<?x32xf32> -> tensor<?x1x32xf32>
  %kv1 = tok.append %kv[%l], %rows, %k, %k : !kv, !rows, tensor<?x1x32xf32>, tensor<?x1x32xf32>
  return %x, %kv1 : tensor<?x32xf32>, !kv
}
