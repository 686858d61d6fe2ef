// RUN: tokopt-opt %s --tok-choose-kernels | FileCheck %s --check-prefixes=CHECK,AVX2
// RUN: tokopt-opt %s --tok-choose-kernels=target=avx512vnni | FileCheck %s --check-prefixes=CHECK,VNNI
// RUN: tokopt-opt %s --tok-choose-kernels=print 2>&1 >/dev/null | FileCheck %s --check-prefix=PRINT
// RUN: not tokopt-opt %s --tok-choose-kernels=target=sse2 2>&1 | FileCheck %s --check-prefix=BAD

// Choosing again changes nothing.
// RUN: tokopt-opt %s --tok-choose-kernels > %t.once
// RUN: tokopt-opt %t.once --tok-choose-kernels | diff %t.once -

// BAD: error: has no target 'sse2'; expected avx512amx, avx512vnni, avx2 (cpu), sm_90a, sm_80 (cuda)

!kv = !tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
tok.weight @w : tensor<96x96x!tok.q4_1> = source "m.gguf" at [0]

// CHECK-LABEL: func.func @step(
func.func @step(%x: memref<?x96xf32>, %y: memref<?x96xf32>, %kv: !kv, %n: index) {
  // The model's own numbers stay; what the template needs is added.
  // AVX2: tok.kernel "linear" {{.*}} {compute = "f32", inputs = 96 : i64, matrices = 1 : i64, outputs = 96 : i64, tile = [[#AVX2TILE:]] : i64}
  // VNNI: tok.kernel "linear" {{.*}} {compute = "f32", inputs = 96 : i64, matrices = 1 : i64, outputs = 96 : i64, tile = [[#VNNITILE:]] : i64}
  // PRINT: kernels for avx2:
  // PRINT-NEXT: linear {{{.*}}tile = {{.*}}}: a tile of 4 rows, {{[0-9.e+]+}} cycles a row (runner-up: a tile of {{[0-9]+}} rows, {{[0-9.e+]+}} cycles a row): {{.*}} 16 vector registers
  tok.kernel "linear" rows(%n to %n) weights [@w] ins(%x : memref<?x96xf32>) outs(%y : memref<?x96xf32>) {compute = "f32", inputs = 96, matrices = 1, outputs = 96}
  // CHECK: tok.kernel "attention" {{.*}} group = {{[0-9]+}} : i64{{.*}} tile = 16 : i64, tile_rows = {{[0-9]+}} : i64, tile_vectors = {{[0-9]+}} : i64, vectors = {{[0-9]+}} : i64
  // PRINT: attention {{{.*}}group = {{.*}}}: 3 heads and 16 slots at a time, {{[0-9.e+]+}} cycles a slot (runner-up: {{[0-9]+}} heads and {{[0-9]+}} slots at a time, {{[0-9.e+]+}} cycles a slot): heads share keys and values{{.*}}; of neighbours in a sequence, tiles of 16 rows, {{[0-9]+}} rows and {{[0-9]+}} slots at a time
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%x, %kv : memref<?x96xf32>, !kv) outs(%y : memref<?x96xf32>) {heads = 3, scale = 1.0 : f32, window = 0, cache = 0, context = 2048}
  // CHECK: tok.kernel "rowwise" {{.*}} {columns = 96 : i64}
  // PRINT: rowwise {columns = 96 : i64}: 16 lanes (runner-up: none): the order of a row's sum is fixed
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x96xf32>) outs(%y : memref<?x96xf32>) {columns = 96}
  return
}

// What a configuration says stays, and only the rest is chosen.
// CHECK-LABEL: func.func @given(
func.func @given(%x: memref<?x96xf32>, %y: memref<?x96xf32>, %kv: !kv, %n: index) {
  // CHECK: tok.kernel "linear" {{.*}} tile = 1 : i64}
  // PRINT: linear {{{.*}}tile = 1 : i64}: a tile of 1 rows, {{[0-9.e+]+}} cycles a row (runner-up: none
  tok.kernel "linear" rows(%n to %n) weights [@w] ins(%x : memref<?x96xf32>) outs(%y : memref<?x96xf32>) {compute = "f32", inputs = 96, matrices = 1, outputs = 96, tile = 1}
  // CHECK: tok.kernel "attention" {{.*}} group = 1 : i64{{.*}} vectors = {{[0-9]+}} : i64
  // PRINT: attention {{{.*}}group = 1 : i64{{.*}}}: 1 heads and {{[0-9]+}} slots at a time, {{[0-9.e+]+}} cycles a slot (runner-up: 1 heads and
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%x, %kv : memref<?x96xf32>, !kv) outs(%y : memref<?x96xf32>) {heads = 3, scale = 1.0 : f32, window = 0, cache = 0, context = 2048, group = 1}
  // CHECK: tok.kernel "attention" {{.*}} group = 2 : i64{{.*}} vectors = 4 : i64
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%x, %kv : memref<?x96xf32>, !kv) outs(%y : memref<?x96xf32>) {heads = 3, scale = 1.0 : f32, window = 0, cache = 0, context = 2048, group = 2, vectors = 4}
  // CHECK: tok.kernel "attention" {{.*}} tile = 1 : i64
  // PRINT: attention {{{.*}}tile = 1 : i64{{.*}}}: {{.*}}; of neighbours in a sequence, no tiles
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%x, %kv : memref<?x96xf32>, !kv) outs(%y : memref<?x96xf32>) {heads = 3, scale = 1.0 : f32, window = 0, cache = 0, context = 2048, tile = 1}
  return
}
