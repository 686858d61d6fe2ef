// RUN: tokopt-opt %s --tok-decompose --split-input-file | FileCheck %s

!kv = !tok.cache<layers = [0-1], heads = 1, k = 32 x i8, v = 32 x f16, page = 64,
    keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared,
    columns = [pos], digests = []>

// What the manifest needs: 2 layers x 64 slots x (32 x i8, 32 x f16, a scale) a
// page, and rows of logits rounded up to 16.
// CHECK:       tok.program = {caches = [{name = "kv", page_bytes = 12800 : i64, slots = 64 : i64}], kernels = [], logits_stride = 64 : i64, scratch_bytes = 0 : i64}
// Members lie one behind the other, each at a multiple of 64.
// CHECK:       tok.weight @a layers = [0-1] : tensor<8x32x!tok.q4_0> {{.*}} image [0, 192]
// CHECK:       tok.weight @b : tensor<50xf32> {{.*}} image [384]
// CHECK:       tok.weight @c : tensor<8xf32> {{.*}} image [640]
tok.weight @a layers = [0-1] : tensor<8x32x!tok.q4_0> = source "m.gguf" at [0, 5760]
tok.weight @b : tensor<50xf32> = source "m.gguf" at [0]
tok.weight @c : tensor<8xf32> = source "m.gguf" at [0]
// CHECK:       tok.schedule @schedule
tok.schedule @schedule whole budget = 512

// Parts of an argument have roles of their own. A result whose role an argument
// has too is updated there; another one gets an argument.
// CHECK-LABEL: func.func @step(
// CHECK-SAME:    tensor<?xi32> {tok.slot = "pos"}, %{{.*}}: tensor<?xi32> {tok.slot = "seq"},
// CHECK-SAME:    tensor<?x50xf32> {tok.slot = "frontier"},
// CHECK-SAME:    tensor<?x2x1x32x64xi8> {tok.slot = "kv.keys"}, %{{.*}}: tensor<?x2x1x64x32xf16> {tok.slot = "kv.values"},
// CHECK-SAME:    tensor<?x2x1x64xf32> {tok.slot = "kv.key_scales"}, %{{.*}}: tensor<?x?xi32> {tok.slot = "kv.table"},
// CHECK-SAME:    tensor<?xi8> {tok.slot = "weights"}, %[[LOGITS:.*]]: tensor<?x50xf32> {tok.slot = "logits"})
// CHECK-SAME:    -> (tensor<?x50xf32> {tok.slot = "logits"}, tensor<?x50xf32> {tok.slot = "frontier"}, tensor<?x2x1x32x64xi8> {tok.slot = "kv.keys"}
// CHECK:         tensor.insert_slice %{{.*}} into %[[LOGITS]]
// CHECK-NOT:     tensor.insert_slice
// CHECK:         return
func.func @step(%rows: !tok.rows<pos, seq> {tok.slot = "rows"}, %f: tensor<?x50xf32> {tok.slot = "frontier"},
                %kv: !kv {tok.slot = "kv"})
    -> (tensor<?x50xf32> {tok.slot = "logits"}, tensor<?x50xf32> {tok.slot = "frontier"}, !kv {tok.slot = "kv"}) {
  %y = tok.norm %f, @b rms eps = 1.0e-5 : tensor<?x50xf32>
  return %y, %f, %kv : tensor<?x50xf32>, tensor<?x50xf32>, !kv
}

// -----

// Nothing to do: nothing is done, not even a description of the program.
// CHECK:       module {
// CHECK-LABEL: func.func @upstream(
// CHECK-SAME:    %[[X:.*]]: tensor<?x8xf32>) -> tensor<?x8xf32> {
// CHECK-NEXT:    return %[[X]]
func.func @upstream(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  return %x : tensor<?x8xf32>
}
