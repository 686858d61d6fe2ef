// RUN: tokopt-opt %s --split-input-file --tok-instrument-program | FileCheck %s --check-prefixes=CHECK,VALUES
// RUN: tokopt-opt %s --split-input-file --tok-instrument-program=values=false | FileCheck %s --check-prefixes=CHECK,TIME
// RUN: tokopt-opt %s --split-input-file --tok-instrument-program > %t.once
// RUN: tokopt-opt %t.once --split-input-file --tok-instrument-program | diff %t.once -

// A value that workers share is read between two barriers, of which one may be there already. What time is measured by
// waits for nobody, but stands behind the barrier of its kernel.

// VALUES: tok.probes = [
// VALUES-SAME: {columns = 96 : i64, kernel = 0 : i64, label = "rowwise a", rows = "step", type = "f32", value = "a"},
// VALUES-SAME: {columns = 96 : i64, kernel = 1 : i64, label = "rowwise b", rows = "step", type = "f32", value = "b"}]
// TIME: tok.probes = [{kernel = 0 : i64, label = "rowwise a"}, {kernel = 1 : i64, label = "rowwise b"}]
// CHECK-LABEL: func.func @shared(
func.func @shared(%in: memref<?x96xf32>, %b: index, %e: index) -> index {
  %x = tok.buffer at 0 : memref<?x96xf32>
  // CHECK: tok.kernel
  tok.kernel "rowwise" rows(%b to %e) ins(%in : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96} {names = ["a"]}
  // CHECK-NEXT: tok.buffer
  // CHECK-NEXT: arith.constant
  // CHECK-NEXT: tok.barrier
  // VALUES-NEXT: tok.probe 0 rows(%{{.*}} to %{{.*}}) of(%{{.*}} : memref<?x96xf32>)
  // VALUES-NEXT: tok.barrier
  // TIME-NEXT: tok.probe 0 rows(%{{.*}} to %{{[^ ]*}}){{$}}
  %y = tok.buffer at 384 : memref<?x96xf32>
  %c0 = arith.constant 0 : index
  tok.barrier
  // CHECK-NEXT: tok.kernel
  tok.kernel "rowwise" rows(%b to %e) ins(%x : memref<?x96xf32>) outs(%y : memref<?x96xf32>) {columns = 96} {names = ["b"]}
  // VALUES-NEXT: tok.barrier
  // CHECK-NEXT: tok.probe 1
  // VALUES-NEXT: tok.barrier
  // CHECK-NEXT: return
  return %c0 : index
}

// -----

// A buffer that each worker has for itself needs no barrier. A rounded row has the columns that were rounded.

// VALUES: tok.probes = [{columns = 96 : i64, kernel = 0 : i64, label = "rowwise norm", rows = "step", type = "i8x32", value = "norm"}]
// TIME: tok.probes = [{kernel = 0 : i64, label = "rowwise norm"}]
tok.weight @norm : tensor<96xf32> = source "m.gguf" at [0]
// CHECK-LABEL: func.func @own(
func.func @own(%in: memref<?x96xf32>, %b: index, %e: index) {
  // CHECK: %[[X:.*]] = tok.buffer worker_rows = 4
  %x = tok.buffer worker_rows = 4 at 0 : memref<?x192xi8>
  // CHECK: tok.kernel
  tok.kernel "rowwise" rows(%b to %e) weights [@norm] ins(%in : memref<?x96xf32>) outs(%x : memref<?x192xi8>) {columns = 96, replicated} {names = ["norm"]}
  // VALUES-NEXT: tok.probe 0 rows(%{{.*}} to %{{.*}}) of(%[[X]] : memref<?x192xi8>)
  // TIME-NEXT: tok.probe 0 rows(%{{.*}} to %{{[^ ]*}}){{$}}
  // CHECK-NEXT: return
  return
}

// -----

// What goes to a cache, and a copy, are no values. The layer is that of the kernels beside; a constant is a layer that
// the model names.

!kv = !tok.cache<layers = [0-1], heads = 1, k = 32 x f32, v = 32 x f32, page = 64,
    keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
// VALUES: tok.probes = [
// VALUES-SAME: {columns = 32 : i64, kernel = 0 : i64, label = "rowwise x", rows = "outputs", type = "f32", value = "x"},
// VALUES-SAME: {kernel = 1 : i64, label = "rowwise cache.v"},
// VALUES-SAME: {columns = 32 : i64, kernel = 2 : i64, label = "rowwise y", rows = "step", type = "f32", value = "y"},
// VALUES-SAME: {kernel = 3 : i64, label = "rowwise"}]
// CHECK-LABEL: func.func @layers(
func.func @layers(%x: memref<?x32xf32> {tok.slot = "frontier"}, %out: memref<?xi32> {tok.slot = "out"}, %kv: !kv {tok.slot = "kv"}, %e: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %asked = memref.dim %out, %c0 : memref<?xi32>
  %y = tok.buffer at 0 : memref<?x32xf32>
  // CHECK: tok.kernel
  // CHECK: tok.probe 0 rows(%{{.*}} to %{{[^ ]*}}){{$| of}}
  tok.kernel "rowwise" rows(%c0 to %asked) ins(%x : memref<?x32xf32>) outs(%y : memref<?x32xf32>) {columns = 32} {names = ["x"]}
  // CHECK: scf.for %[[I:.*]] =
  scf.for %i = %c0 to %e step %c1 {
    // CHECK: %[[L:.*]] = arith.addi
    %l = arith.addi %i, %c1 : index
    // CHECK: tok.kernel
    // CHECK-NEXT: tok.probe 1 rows(%{{.*}} to %{{.*}}) layer(%[[L]]){{$}}
    tok.kernel "rowwise" rows(%c0 to %e) layer(%c1) ins(%x : memref<?x32xf32>) outs(%kv : !kv) {columns = 32, cache = 0, side = "v"}
    // CHECK: tok.kernel
    // CHECK: tok.probe 2 rows(%{{.*}} to %{{.*}}) layer(%[[L]])
    tok.kernel "rowwise" rows(%c0 to %e) layer(%l) ins(%x : memref<?x32xf32>) outs(%y : memref<?x32xf32>) {columns = 32} {names = ["y"]}
  }
  // Where no kernel says the layer, it is the turn of the loop.
  // CHECK: scf.for %[[J:.*]] =
  scf.for %j = %c0 to %e step %c1 {
    // CHECK: tok.kernel
    // CHECK-NEXT: tok.probe 3 rows(%{{.*}} to %{{.*}}) layer(%[[J]]){{$}}
    tok.kernel "rowwise" rows(%c0 to %e) ins(%x : memref<?x32xf32>) outs(%y : memref<?x32xf32>) {columns = 32}
  }
  return
}

// -----

// Attention has two values and so two probes, one kernel.

!kv = !tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64,
    keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
// VALUES: tok.probes = [
// VALUES-SAME: {columns = 96 : i64, kernel = 0 : i64, label = "attention a a.lse", rows = "step", type = "f32", value = "a"},
// VALUES-SAME: {columns = 3 : i64, kernel = 0 : i64, label = "attention a a.lse", rows = "step", type = "f32", value = "a.lse"}]
// TIME: tok.probes = [{kernel = 0 : i64, label = "attention a a.lse"}]
// CHECK-LABEL: func.func @two(
func.func @two(%q: memref<?x96xf32>, %kv: !kv {tok.slot = "kv"}, %e: index) {
  %c0 = arith.constant 0 : index
  %a = tok.buffer at 0 : memref<?x96xf32>
  %lse = tok.buffer at 384 : memref<?x3xf32>
  // CHECK: tok.kernel
  // VALUES-NEXT: tok.barrier
  // CHECK-NEXT: tok.probe 0
  // VALUES-NEXT: tok.probe 1
  // VALUES-NEXT: tok.barrier
  // CHECK-NEXT: return
  tok.kernel "attention" rows(%c0 to %e) layer(%c0) ins(%q, %kv : memref<?x96xf32>, !kv) outs(%a, %lse : memref<?x96xf32>, memref<?x3xf32>)
      {heads = 3, window = 0, cache = 0, context = 2048, scale = 0.125 : f32} {names = ["a", "a.lse"]}
  return
}

// -----

// Nothing is done to what is no entry, nor where there is no kernel.

// CHECK-NOT: tok.probes
// CHECK-LABEL: func.func private @helper(
// CHECK-NOT: tok.probe
func.func private @helper(%in: memref<?x96xf32>, %n: index) {
  tok.kernel "rowwise" rows(%n to %n) ins(%in : memref<?x96xf32>) outs(%in : memref<?x96xf32>) {columns = 96} {names = ["a"]}
  return
}
// CHECK-LABEL: func.func @empty(
func.func @empty(%x: tensor<?x96xf32>) -> tensor<?x96xf32> {
  return %x : tensor<?x96xf32>
}
