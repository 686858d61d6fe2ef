// RUN: tokopt-opt %s --split-input-file --tok-plan-buffers | FileCheck %s

// A place is used again once its buffer is dead; whatever lives at the same time lies apart.

// CHECK: tok.program = {fixed_bytes = 0 : i64, row_bytes = 896 : i64, scratch_bytes = 0 : i64}
// CHECK-LABEL: func.func @reuses(
func.func @reuses(%in: memref<?x96xf32>, %out: memref<?x96xf32>, %b: index, %e: index) {
  // CHECK: tok.buffer at 0 : memref<?x96xf32>
  %a = tok.buffer : memref<?x96xf32>
  // Rows are padded to 64 bytes.
  // CHECK: tok.buffer at 384 : memref<?x25xf32>
  %c = tok.buffer : memref<?x25xf32>
  // Fits where the first was.
  // CHECK: tok.buffer at 0 : memref<?x16xf32>
  %d = tok.buffer : memref<?x16xf32>
  // Too large for that: behind the second.
  // CHECK: tok.buffer at 512 : memref<?x96xf32>
  %f = tok.buffer : memref<?x96xf32>
  // Never used.
  // CHECK: tok.buffer at 0 : memref<?x16xf32>
  %unused = tok.buffer : memref<?x16xf32>
  tok.kernel "rowwise" rows(%b to %e) ins(%in : memref<?x96xf32>) outs(%a : memref<?x96xf32>) {columns = 96}
  tok.kernel "rowwise" rows(%b to %e) ins(%a : memref<?x96xf32>) outs(%c : memref<?x25xf32>) {columns = 16}
  tok.kernel "rowwise" rows(%b to %e) ins(%c : memref<?x25xf32>) outs(%d : memref<?x16xf32>) {columns = 16}
  tok.kernel "rowwise" rows(%b to %e) ins(%c, %d : memref<?x25xf32>, memref<?x16xf32>) outs(%f : memref<?x96xf32>) {columns = 16}
  tok.kernel "rowwise" rows(%b to %e) ins(%f : memref<?x96xf32>) outs(%out : memref<?x96xf32>) {columns = 96}
  return
}

// -----

// What stands before a loop and is used in it lasts to its end: the next iteration reads it again.

// CHECK-LABEL: func.func @loop(
func.func @loop(%in: memref<?x96xf32>, %b: index, %e: index, %s: index) {
  // CHECK: tok.buffer at 0 : memref<?x96xf32>
  %stream = tok.buffer : memref<?x96xf32>
  tok.kernel "rowwise" rows(%b to %e) ins(%in : memref<?x96xf32>) outs(%stream : memref<?x96xf32>) {columns = 96}
  scf.for %i = %b to %e step %s {
    // CHECK: tok.buffer at 384 : memref<?x96xf32>
    %x = tok.buffer : memref<?x96xf32>
    // Within one iteration, places are used again.
    // CHECK: tok.buffer at 768 : memref<?x96xf32>
    %y = tok.buffer : memref<?x96xf32>
    // CHECK: tok.buffer at 384 : memref<?x96xf32>
    %z = tok.buffer : memref<?x96xf32>
    tok.kernel "rowwise" rows(%b to %e) ins(%stream : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96}
    tok.kernel "rowwise" rows(%b to %e) ins(%x : memref<?x96xf32>) outs(%y : memref<?x96xf32>) {columns = 96}
    tok.kernel "rowwise" rows(%b to %e) ins(%y : memref<?x96xf32>) outs(%z : memref<?x96xf32>) {columns = 96}
  }
  // After the loop, all of it is free.
  // CHECK: tok.buffer at 0 : memref<?x96xf32>
  %after = tok.buffer : memref<?x96xf32>
  tok.kernel "rowwise" rows(%b to %e) ins(%in : memref<?x96xf32>) outs(%after : memref<?x96xf32>) {columns = 96}
  return
}

// -----

// The branches of a switch never run together.

// CHECK-LABEL: func.func @switch(
func.func @switch(%in: memref<?x96xf32>, %b: index, %e: index) {
  scf.index_switch %b
  case 1 {
    // CHECK: tok.buffer at 0 : memref<?x96xf32>
    %x = tok.buffer : memref<?x96xf32>
    tok.kernel "rowwise" rows(%b to %e) ins(%in : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96}
    scf.yield
  }
  default {
    // CHECK: tok.buffer at 0 : memref<?x96xf32>
    %x = tok.buffer : memref<?x96xf32>
    tok.kernel "rowwise" rows(%b to %e) ins(%in : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96}
  }
  return
}

// -----

// Kernels that need scratch share it: the largest need, told to each of them. So do those that share memory.

!kv = !tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>

// CHECK: fixed_bytes = {{[1-9][0-9]*}} : i64, row_bytes = 0 : i64, scratch_bytes = [[$SCRATCH:[0-9]+]] : i64
// CHECK-LABEL: func.func @scratch(
func.func @scratch(%q: memref<?x64xf32>, %o: memref<?x64xf32>, %z: memref<?x2000xf32>, %p: memref<?x4xf32>, %s: memref<?x2xi64>, %t: memref<?xi32>, %kv: !kv, %n: index) {
  // CHECK: tok.kernel "attention" {{.*}} row_bytes = 0 : i64, {{.*}}scratch = [[$SCRATCH]] : i64
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%q, %kv : memref<?x64xf32>, !kv) outs(%o : memref<?x64xf32>) {heads = 2, scale = 1.0 : f32, window = 0, cache = 0, context = 2048}
  // CHECK: tok.kernel "sample" {{.*}} {scratch = [[$SCRATCH]] : i64, vocab = 2000 : i64}
  tok.kernel "sample" rows(%n to %n) ins(%z, %p, %s : memref<?x2000xf32>, memref<?x4xf32>, memref<?x2xi64>) outs(%t : memref<?xi32>) {vocab = 2000}
  // CHECK: tok.kernel "rowwise"
  // CHECK-NOT: scratch
  tok.kernel "rowwise" rows(%n to %n) ins(%q : memref<?x64xf32>) outs(%o : memref<?x64xf32>) {columns = 64}
  return
}
