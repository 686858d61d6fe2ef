// RUN: tokopt-opt %s --split-input-file --tok-insert-barriers | FileCheck %s
// RUN: tokopt-opt %s --split-input-file --tok-insert-barriers > %t.once
// RUN: tokopt-opt %t.once --split-input-file --tok-insert-barriers | diff %t.once -

// What reads what another kernel wrote waits for all workers; what does not, goes on.

// CHECK-LABEL: func.func @reads_after_writes(
func.func @reads_after_writes(%in: memref<?x96xf32>, %b: index, %e: index) {
  %x = tok.buffer at 0 : memref<?x96xf32>
  %y = tok.buffer at 384 : memref<?x96xf32>
  %z = tok.buffer at 768 : memref<?x96xf32>
  // CHECK-NOT: tok.barrier
  // CHECK: tok.kernel
  tok.kernel "rowwise" rows(%b to %e) ins(%in : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96}
  // CHECK-NEXT: tok.kernel
  tok.kernel "rowwise" rows(%b to %e) ins(%in : memref<?x96xf32>) outs(%y : memref<?x96xf32>) {columns = 96}
  // CHECK-NEXT: tok.barrier
  // CHECK-NEXT: tok.kernel
  tok.kernel "rowwise" rows(%b to %e) ins(%x : memref<?x96xf32>) outs(%z : memref<?x96xf32>) {columns = 96}
  // The other was written before that barrier too.
  // CHECK-NEXT: tok.kernel
  tok.kernel "rowwise" rows(%b to %e) ins(%y : memref<?x96xf32>) outs(%in : memref<?x96xf32>) {columns = 96}
  // CHECK-NEXT: return
  return
}

// -----

// Places count, not buffers; so does an argument.

// CHECK-LABEL: func.func @writes_after_reads(
func.func @writes_after_reads(%in: memref<?x96xf32>, %b: index, %e: index) {
  %x = tok.buffer at 0 : memref<?x96xf32>
  %y = tok.buffer at 384 : memref<?x96xf32>
  %again = tok.buffer at 320 : memref<?x16xf32>
  %beside = tok.buffer at 768 : memref<?x16xf32>
  // CHECK: tok.kernel
  tok.kernel "rowwise" rows(%b to %e) ins(%x : memref<?x96xf32>) outs(%y : memref<?x96xf32>) {columns = 96}
  // CHECK-NEXT: tok.kernel
  tok.kernel "rowwise" rows(%b to %e) ins(%in : memref<?x96xf32>) outs(%beside : memref<?x16xf32>) {columns = 16}
  // The last line of %x, which the first kernel may still read.
  // CHECK-NEXT: tok.barrier
  // CHECK-NEXT: tok.kernel
  tok.kernel "rowwise" rows(%b to %e) ins(%in : memref<?x96xf32>) outs(%again : memref<?x16xf32>) {columns = 16}
  // CHECK-NEXT: tok.barrier
  // CHECK-NEXT: tok.kernel
  tok.kernel "rowwise" rows(%b to %e) ins(%y : memref<?x96xf32>) outs(%in : memref<?x96xf32>) {columns = 96}
  // Twice to one place: who comes last must be known.
  // CHECK-NEXT: tok.barrier
  // CHECK-NEXT: tok.kernel
  tok.kernel "rowwise" rows(%b to %e) ins(%x : memref<?x96xf32>) outs(%in : memref<?x96xf32>) {columns = 96}
  return
}

// -----

// Keys and values lie apart in a cache; attention reads both.

!kv = !tok.cache<layers = [0], heads = 1, k = 96 x f32, v = 96 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>

// CHECK-LABEL: func.func @cache(
func.func @cache(%kv: !kv, %k: memref<?x96xf32>, %v: memref<?x96xf32>, %w: memref<?x96xf32>, %n: index) {
  // CHECK: tok.kernel {{.*}} side = "k"
  tok.kernel "rowwise" rows(%n to %n) layer(%n) ins(%k : memref<?x96xf32>) outs(%kv : !kv) {cache = 0, columns = 96, side = "k"}
  // CHECK-NEXT: tok.kernel {{.*}} side = "v"
  tok.kernel "rowwise" rows(%n to %n) layer(%n) ins(%v : memref<?x96xf32>) outs(%kv : !kv) {cache = 0, columns = 96, side = "v"}
  // CHECK-NEXT: tok.barrier
  // CHECK-NEXT: tok.kernel "attention"
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%k, %kv : memref<?x96xf32>, !kv) outs(%w : memref<?x96xf32>) {heads = 1, window = 0, cache = 0, context = 2048, scale = 1.0 : f32}
  // CHECK-NEXT: tok.barrier
  // CHECK-NEXT: tok.kernel {{.*}} side = "k"
  tok.kernel "rowwise" rows(%n to %n) layer(%n) ins(%k : memref<?x96xf32>) outs(%kv : !kv) {cache = 0, columns = 96, side = "k"}
  // The side is no excuse for reading what was just written.
  // CHECK-NEXT: tok.kernel "rowwise"
  tok.kernel "rowwise" rows(%n to %n) ins(%w : memref<?x96xf32>) outs(%v : memref<?x96xf32>) {columns = 96}
  // CHECK-NEXT: tok.barrier
  // CHECK-NEXT: tok.kernel {{.*}} side = "v"
  tok.kernel "rowwise" rows(%n to %n) layer(%n) ins(%v : memref<?x96xf32>) outs(%kv : !kv) {cache = 0, columns = 96, side = "v"}
  return
}

// -----

// What workers share behind the rows is one place for all kernels that have it.

!kv = !tok.cache<layers = [0], heads = 1, k = 96 x f32, v = 96 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>

// CHECK-LABEL: func.func @shared(
func.func @shared(%kv: !kv, %q: memref<?x96xf32>, %r: memref<?x96xf32>, %v: memref<?x96xf32>, %w: memref<?x96xf32>, %n: index) {
  // CHECK-NEXT: tok.kernel "attention"
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%q, %kv : memref<?x96xf32>, !kv) outs(%v : memref<?x96xf32>) {heads = 1, window = 0, cache = 0, context = 2048, scale = 1.0 : f32, row_bytes = 0}
  // CHECK-NEXT: tok.barrier
  // CHECK-NEXT: tok.kernel "attention"
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%r, %kv : memref<?x96xf32>, !kv) outs(%w : memref<?x96xf32>) {heads = 1, window = 0, cache = 0, context = 2048, scale = 1.0 : f32, row_bytes = 0}
  // CHECK-NEXT: return
  return
}

// -----

// A loop whose body starts with a barrier needs none at its end; what is open goes into the next iteration and behind the loop.

// CHECK-LABEL: func.func @loop(
func.func @loop(%in: memref<?x96xf32>, %out: memref<?x96xf32>, %b: index, %e: index, %s: index) {
  %x = tok.buffer at 0 : memref<?x96xf32>
  // CHECK: tok.kernel
  tok.kernel "rowwise" rows(%b to %e) ins(%in : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96}
  // CHECK: scf.for
  // CHECK-NEXT: tok.barrier
  // CHECK-NEXT: tok.kernel
  // CHECK-NEXT: {{^ *}$}}
  scf.for %i = %b to %e step %s {
    tok.kernel "rowwise" rows(%b to %e) ins(%x : memref<?x96xf32>) outs(%out : memref<?x96xf32>) {columns = 96}
  }
  // Should the loop not run, the first kernel is still open.
  // CHECK-NEXT: tok.barrier
  // CHECK-NEXT: tok.kernel
  tok.kernel "rowwise" rows(%b to %e) ins(%x : memref<?x96xf32>) outs(%in : memref<?x96xf32>) {columns = 96}
  return
}

// Else it ends with one: the next iteration may touch what is open.

// CHECK-LABEL: func.func @open_loop(
func.func @open_loop(%in: memref<?x96xf32>, %out: memref<?x96xf32>, %b: index, %e: index, %s: index) {
  // CHECK-NEXT: scf.for
  // CHECK-NEXT: tok.kernel
  // CHECK-NEXT: tok.barrier
  // CHECK-NEXT: {{^ *}$}}
  scf.for %i = %b to %e step %s {
    tok.kernel "rowwise" rows(%b to %e) ins(%in : memref<?x96xf32>) outs(%out : memref<?x96xf32>) {columns = 96}
  }
  // CHECK-NEXT: tok.kernel
  tok.kernel "rowwise" rows(%b to %e) ins(%out : memref<?x96xf32>) outs(%in : memref<?x96xf32>) {columns = 96}
  return
}

// Every side of a branch may start with it.

// CHECK-LABEL: func.func @loop_of_kinds(
func.func @loop_of_kinds(%in: memref<?x96xf32>, %out: memref<?x96xf32>, %b: index, %e: index, %s: index) {
  // CHECK-NEXT: tok.kernel
  tok.kernel "rowwise" rows(%b to %e) ins(%out : memref<?x96xf32>) outs(%in : memref<?x96xf32>) {columns = 96}
  // CHECK-NEXT: scf.for
  scf.for %i = %b to %e step %s {
    // CHECK-NEXT: arith.cmpi
    // CHECK-NEXT: scf.if
    // CHECK-NEXT: tok.barrier
    // CHECK-NEXT: tok.kernel
    // CHECK-NEXT: {{^ *}}} else {
    // CHECK-NEXT: tok.barrier
    // CHECK-NEXT: tok.kernel
    // CHECK-NEXT: {{^ *}$}}
    // CHECK-NEXT: {{^ *}$}}
    %c = arith.cmpi eq, %i, %s : index
    scf.if %c {
      tok.kernel "rowwise" rows(%b to %e) ins(%in : memref<?x96xf32>) outs(%out : memref<?x96xf32>) {columns = 96}
    } else {
      tok.kernel "rowwise" rows(%b to %e) ins(%in : memref<?x96xf32>) outs(%out : memref<?x96xf32>) {columns = 96}
    }
  }
  // CHECK-NEXT: return
  return
}

// CHECK-LABEL: func.func @nothing_open(
func.func @nothing_open(%b: index, %e: index, %s: index) {
  // CHECK-NEXT: scf.for
  // CHECK-NEXT: arith.constant
  // CHECK-NOT: tok.barrier
  scf.for %i = %b to %e step %s {
    %c0 = arith.constant 0 : index
  }
  return
}

// -----

// After a branch, what any of its sides left open is open.

// CHECK-LABEL: func.func @branches(
func.func @branches(%in: memref<?x96xf32>, %out: memref<?x96xf32>, %c: i1, %b: index, %e: index) {
  %x = tok.buffer at 0 : memref<?x96xf32>
  %y = tok.buffer at 384 : memref<?x96xf32>
  tok.kernel "rowwise" rows(%b to %e) ins(%in : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96}
  // CHECK: scf.if
  scf.if %c {
    // CHECK-NEXT: tok.barrier
    // CHECK-NEXT: tok.kernel
    tok.kernel "rowwise" rows(%b to %e) ins(%x : memref<?x96xf32>) outs(%y : memref<?x96xf32>) {columns = 96}
  }
  // Without the branch, nobody has waited for %x.
  // CHECK-NEXT: {{^ +}$}}
  // CHECK-NEXT: tok.barrier
  // CHECK-NEXT: tok.kernel
  tok.kernel "rowwise" rows(%b to %e) ins(%x : memref<?x96xf32>) outs(%out : memref<?x96xf32>) {columns = 96}
  // CHECK: scf.index_switch
  scf.index_switch %b
  case 1 {
    // CHECK: tok.barrier
    // CHECK-NEXT: tok.kernel
    tok.kernel "rowwise" rows(%b to %e) ins(%out : memref<?x96xf32>) outs(%y : memref<?x96xf32>) {columns = 96}
    scf.yield
  }
  default {
    // CHECK: default
    // CHECK-NEXT: arith.constant
    %c0 = arith.constant 0 : index
  }
  // CHECK-NEXT: {{^ +}$}}
  // CHECK-NEXT: tok.barrier
  // CHECK-NEXT: tok.kernel
  tok.kernel "rowwise" rows(%b to %e) ins(%out : memref<?x96xf32>) outs(%in : memref<?x96xf32>) {columns = 96}
  return
}
