// RUN: tokopt-opt %s --split-input-file --verify-diagnostics --tok-expand-kernels

// Lowering passes run in their order; each says which one is missing.

// expected-error @+1 {{has no place in the image yet; run tok-plan-image first}}
tok.weight @w : tensor<32x64x!tok.q8_0> = source "m.gguf" at [0]

// -----

func.func @step(%ids: memref<?xi32> {tok.slot = "ids"}) {
  // expected-error @+1 {{has no place yet; run tok-plan-buffers first}}
  %x = tok.buffer : memref<?x64xf32>
  return
}

// -----

tok.weight @w : tensor<32x64x!tok.q8_0> = source "m.gguf" at [0] image [0]
func.func @step(%x: memref<?x64xf32> {tok.slot = "frontier"}, %y: memref<?x32xf32> {tok.slot = "logits"}, %n: index {tok.slot = "rows"}) {
  // expected-error @+1 {{has no "tile" yet; run tok-choose-kernels first}}
  tok.kernel "linear" rows(%n to %n) weights [@w] ins(%x : memref<?x64xf32>) outs(%y : memref<?x32xf32>) {compute = "f32", inputs = 64, matrices = 1, outputs = 32}
  return
}

// -----

func.func @step(%z: memref<?x64xf32> {tok.slot = "logits"}, %p: memref<?x4xf32> {tok.slot = "sampling"}, %s: memref<?x2xi64> {tok.slot = "seeds"}, %t: memref<?xi32> {tok.slot = "tokens"}, %n: index {tok.slot = "rows"}) {
  // expected-error @+1 {{has no scratch yet; run tok-plan-buffers first}}
  tok.kernel "sample" rows(%n to %n) ins(%z, %p, %s : memref<?x64xf32>, memref<?x4xf32>, memref<?x2xi64>) outs(%t : memref<?xi32>) {vocab = 64}
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @step(%q: memref<?x32xf32> {tok.slot = "frontier"}, %kv: !kv {tok.slot = "kv"}, %y: memref<?x32xf32> {tok.slot = "logits"}, %n: index {tok.slot = "rows"}) {
  // expected-error @+1 {{has no row_bytes yet; run tok-plan-buffers first}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%q, %kv : memref<?x32xf32>, !kv) outs(%y : memref<?x32xf32>) {heads = 1, window = 0, cache = 0, context = 2048, scale = 1.0 : f32, group = 1, vectors = 1, tile = 1, tile_rows = 1, tile_vectors = 1, scratch = 64}
  return
}

// -----

// expected-error @+1 {{has an argument of unknown slot "ides"; see docs/bundle.md}}
func.func @step(%ids: memref<?xi32> {tok.slot = "ides"}) {
  return
}

// -----

// expected-error @+1 {{has an argument of unknown slot ""; see docs/bundle.md}}
func.func @step(%ids: memref<?xi32>) {
  return
}

// -----

func.func @step(%x: memref<?x64xf32> {tok.slot = "frontier"}, %n: index {tok.slot = "rows"}) {
  %y = memref.alloc(%n) : memref<?x64xf32>
  // expected-error @+1 {{expects operands that are arguments of the entry or buffers}}
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x64xf32>) outs(%y : memref<?x64xf32>) {columns = 64} prologue {
  ^bb0(%v: f32):
    tok.yield %v : f32
  }
  return
}

// -----

func.func @step(%x: memref<?x64xf32> {tok.slot = "frontier"}, %n: index {tok.slot = "rows"}) {
  %c0 = arith.constant 0 : index
  %y = memref.alloc(%n) : memref<?x64xf32>
  // expected-error @+1 {{expects the memref to be an argument of the entry}}
  %m = memref.dim %y, %c0 : memref<?x64xf32>
  return
}

// -----

func.func @step(%n: index {tok.slot = "rows"}) {
  %x = tok.buffer at 0 : memref<?x64xf16>
  // expected-error @+1 {{expects values of f32 on the CPU, but got 'memref<?x64xf16>'}}
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x64xf16>) outs(%x : memref<?x64xf16>) {columns = 64} prologue {
  ^bb0(%v: f32):
    tok.yield %v : f32
  }
  return
}

// -----

func.func @step(%x: memref<?x64xf32> {tok.slot = "frontier"}, %n: index {tok.slot = "rows"}) {
  // expected-error @+1 {{expects a prologue that says what each element is}}
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x64xf32>) outs(%x : memref<?x64xf32>) {columns = 64}
  return
}

// -----

func.func @step(%x: memref<?x64xf32> {tok.slot = "frontier"}, %n: index {tok.slot = "rows"}) {
  // expected-error @+1 {{expects a region of 1 arguments, but it has 2}}
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x64xf32>) outs(%x : memref<?x64xf32>) {columns = 64} prologue {
  ^bb0(%v: f32, %w: f32):
    tok.yield %v : f32
  }
  return
}

// -----

func.func @step(%x: memref<?x64xf32> {tok.slot = "frontier"}, %n: index {tok.slot = "rows"}) {
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x64xf32>) outs(%x : memref<?x64xf32>) {columns = 64} prologue {
  ^bb0(%v: f32):
    // expected-error @+1 {{cannot stand in a region of a kernel: only arith and math can}}
    %0 = llvm.intr.sqrt(%v) : (f32) -> f32
    tok.yield %0 : f32
  }
  return
}
