// RUN: tokopt-opt %s --split-input-file --verify-diagnostics

// Kernels: what templates take from a kernel is checked before they run.

func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{has an unknown family 'matmul'}}
  tok.kernel "matmul" rows(%n to %n) outs(%x : memref<?x96xf32>) {}
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects regions of one block that ends in tok.yield}}
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96} prologue {
  ^bb0(%v: f32):
    llvm.unreachable
  }
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects regions of one block that ends in tok.yield}}
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96} prologue {
  ^bb0(%v: f32):
  }
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects regions of one block that ends in tok.yield}}
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96} prologue {
  ^bb0(%v: f32):
    cf.br ^bb1
  ^bb1:
    tok.yield %v : f32
  }
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects @w to be a tok.weight}}
  tok.kernel "rowwise" rows(%n to %n) weights [@w] ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96} prologue {
  ^bb0(%v: f32, %w: f32):
    tok.yield %v : f32
  }
  return
}

// -----

tok.weight @w layers = [0-1] : tensor<96xf32> = source "m.gguf" at [0, 384]
func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects a layer for the family @w}}
  tok.kernel "rowwise" rows(%n to %n) weights [@w] ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96} prologue {
  ^bb0(%v: f32, %w: f32):
    tok.yield %v : f32
  }
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects 'columns' to be a positive integer in the configuration of 'rowwise'}}
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {}
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects 'base' to be a float in the configuration of 'angles'}}
  tok.kernel "angles" rows(%n to %n) outs(%x : memref<?x96xf32>) {dims = 48, head = 48, base = 10000, pairs = "halves"}
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects 'compute' to be a string in the configuration of 'linear'}}
  tok.kernel "linear" rows(%n to %n) ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {matrices = 1, inputs = 96, outputs = 96, compute = 8}
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects 3 inputs of 'sample', but got 1}}
  tok.kernel "sample" rows(%n to %n) ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {vocab = 96}
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects the second input of 'attention' to be a cache, but got 'memref<?x96xf32>'}}
  tok.kernel "attention" rows(%n to %n) ins(%x, %x : memref<?x96xf32>, memref<?x96xf32>) outs(%x : memref<?x96xf32>) {heads = 3, window = 0, cache = 0, context = 2048, scale = 0.125 : f32}
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects at least 1 inputs of 'rowwise', but got 0}}
  tok.kernel "rowwise" rows(%n to %n) outs(%x : memref<?x96xf32>) {columns = 96}
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @f(%x: memref<?x32xf32>, %kv: !kv, %n: index) {
  // expected-error @+1 {{expects a layer for its cache}}
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x32xf32>) outs(%kv : !kv) {columns = 32}
  return
}

// -----

func.func @f(%v: f32) {
  // expected-error @+1 {{'tok.reduce_row' op expects parent op 'tok.kernel'}}
  %s = tok.reduce_row %v
  return
}

// -----

//===----------------------------------------------------------------------===//
// Weights: as many and as wide as the template reads
//===----------------------------------------------------------------------===//

func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects a weight for each of 1 matrices, or two with biases, but got 0}}
  tok.kernel "linear" rows(%n to %n) ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {matrices = 1, inputs = 96, outputs = 96, compute = "f32"}
  return
}

// -----

tok.weight @w : tensor<96x96xf32> = source "m.gguf" at [0]
func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects a weight for each of 2 matrices, or two with biases, but got 1}}
  tok.kernel "linear" rows(%n to %n) weights [@w] ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {matrices = 2, inputs = 96, outputs = 96, compute = "f32"}
  return
}

// -----

tok.weight @w : tensor<96x96xf32> = source "m.gguf" at [0]
func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects a weight for each of 2 matrices, or two with biases, but got 3}}
  tok.kernel "linear" rows(%n to %n) weights [@w, @w, @w] ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {matrices = 2, inputs = 96, outputs = 96, compute = "f32"}
  return
}

// -----

tok.weight @w : tensor<96x64xf32> = source "m.gguf" at [0]
func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects @w to be a matrix of 96 x 96, but it is 'tensor<96x64xf32>'}}
  tok.kernel "linear" rows(%n to %n) weights [@w] ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {matrices = 1, inputs = 96, outputs = 96, compute = "f32"}
  return
}

// -----

tok.weight @w : tensor<96x96xf32> = source "m.gguf" at [0]
tok.weight @b : tensor<64xf32> = source "m.gguf" at [0]
func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects @b to be an f32 vector of 96, but it is 'tensor<64xf32>'}}
  tok.kernel "linear" rows(%n to %n) weights [@w, @b] ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {matrices = 1, inputs = 96, outputs = 96, compute = "f32"}
  return
}

// -----

func.func @f(%i: memref<?xi32>, %x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects 1 weights of 'embed', but got 0}}
  tok.kernel "embed" rows(%n to %n) ins(%i : memref<?xi32>) outs(%x : memref<?x96xf32>) {columns = 96, scale = 1.0 : f32}
  return
}

// -----

tok.weight @w : tensor<64x64xf32> = source "m.gguf" at [0]
func.func @f(%i: memref<?xi32>, %x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects @w to be a matrix of ? x 96, but it is 'tensor<64x64xf32>'}}
  tok.kernel "embed" rows(%n to %n) weights [@w] ins(%i : memref<?xi32>) outs(%x : memref<?x96xf32>) {columns = 96, scale = 1.0 : f32}
  return
}

// -----

tok.weight @w : tensor<96xf16> = source "m.gguf" at [0]
func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects @w to be an f32 vector of 96, but it is 'tensor<96xf16>'}}
  tok.kernel "rowwise" rows(%n to %n) weights [@w] ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96} prologue {
  ^bb0(%v: f32, %w: f32):
    tok.yield %v : f32
  }
  return
}

// -----

tok.weight @w : tensor<96xf32> = source "m.gguf" at [0]
func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects 0 weights of 'angles', but got 1}}
  tok.kernel "angles" rows(%n to %n) weights [@w] outs(%x : memref<?x96xf32>) {base = 1.0e4, dims = 48, head = 48, pairs = "halves"}
  return
}

// -----

//===----------------------------------------------------------------------===//
// Operands and regions: as wide as the configuration says
//===----------------------------------------------------------------------===//

func.func @f(%x: memref<?x64xf32>, %y: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects an input to be memref<?xN x 'f32'> with N of at least 96, but got 'memref<?x64xf32>'}}
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x64xf32>) outs(%y : memref<?x96xf32>) {columns = 96} prologue {
  ^bb0(%v: f32):
    tok.yield %v : f32
  }
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %y: memref<?x96xi8>, %n: index) {
  // expected-error @+1 {{expects an output to be memref<?xN x 'i8'> with N of at least 144, but got 'memref<?x96xi8>'}}
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x96xf32>) outs(%y : memref<?x96xi8>) {columns = 96} prologue {
  ^bb0(%v: f32):
    tok.yield %v : f32
  }
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects a region of 1 arguments, but it has 2}}
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96} prologue {
  ^bb0(%v: f32, %w: f32):
    tok.yield %v : f32
  }
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects a region that yields 1 values, but it yields 0}}
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96} prologue {
  ^bb0(%v: f32):
    tok.yield
  }
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects 'angles' to be the number of an input and 'head' to divide the columns}}
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96, angles = 1, head = 32} prologue {
  ^bb0(%v: f32, %c: f32, %s: f32):
    tok.yield %v : f32
  }
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @f(%x: memref<?x64xf32>, %kv: !kv, %n: index) {
  // expected-error @+1 {{expects the columns of 1 heads of 32, but got 64}}
  tok.kernel "rowwise" rows(%n to %n) layer(%n) ins(%x : memref<?x64xf32>) outs(%kv : !kv) {columns = 64, cache = 0, side = "k"} prologue {
  ^bb0(%v: f32):
    tok.yield %v : f32
  }
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 2, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @f(%x: memref<?x96xf32>, %kv: !kv, %n: index) {
  // expected-error @+1 {{expects a multiple of the cache's 2 heads, but got 3}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%x, %kv : memref<?x96xf32>, !kv) outs(%x : memref<?x96xf32>) {heads = 3, window = 0, cache = 0, context = 2048, scale = 0.125 : f32}
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 2, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @f(%x: memref<?x128xf32>, %y: memref<?x4xf32>, %z: memref<?x3xf32>, %kv: !kv, %n: index) {
  // expected-error @+1 {{expects lse to be memref<?xN x 'f32'> with N of at least 4, but got 'memref<?x3xf32>'}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%x, %kv : memref<?x128xf32>, !kv) outs(%x, %z : memref<?x128xf32>, memref<?x3xf32>) {heads = 4, window = 0, cache = 0, context = 2048, scale = 0.125 : f32}
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 2, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @f(%x: memref<?x128xf32>, %y: memref<?x4xf32>, %z: memref<?x3xf32>, %kv: !kv, %n: index) {
  // expected-error @+1 {{expects 1 or 2 outputs of 'attention', but got 3}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%x, %kv : memref<?x128xf32>, !kv) outs(%x, %y, %y : memref<?x128xf32>, memref<?x4xf32>, memref<?x4xf32>) {heads = 4, window = 0, cache = 0, context = 2048, scale = 0.125 : f32}
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 2, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @f(%x: memref<?x128xf32>, %y: memref<?x4xf32>, %z: memref<?x3xf32>, %kv: !kv, %n: index) {
  // expected-error @+1 {{expects 'full' to be a unit attribute in the configuration of 'attention', but got true}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%x, %kv : memref<?x128xf32>, !kv) outs(%x, %y : memref<?x128xf32>, memref<?x4xf32>) {heads = 4, window = 0, cache = 0, context = 2048, scale = 0.125 : f32, full = true}
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 2, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @f(%x: memref<?x128xf32>, %y: memref<?x128xf32>, %kv: !kv, %n: index) {
  // expected-error @+1 {{expects 'compute' to be "f32", "f16" or "bf16" in the configuration of 'attention', but got "i8"}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%x, %kv : memref<?x128xf32>, !kv) outs(%y : memref<?x128xf32>) {heads = 4, window = 0, cache = 0, context = 2048, scale = 0.125 : f32, compute = "i8"}
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 2, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @f(%x: memref<?x128xf32>, %y: memref<?x128xf32>, %kv: !kv, %n: index) {
  // expected-error @+1 {{expects 'compute' to be "f32", "f16" or "bf16" in the configuration of 'attention', but got f16}}
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%x, %kv : memref<?x128xf32>, !kv) outs(%y : memref<?x128xf32>) {heads = 4, window = 0, cache = 0, context = 2048, scale = 0.125 : f32, compute = f16}
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %p: memref<?x4xf32>, %s: memref<?x1xi64>, %t: memref<?xi32>, %n: index) {
  // expected-error @+1 {{expects the seeds to be memref<?xN x 'i64'> with N of at least 2, but got 'memref<?x1xi64>'}}
  tok.kernel "sample" rows(%n to %n) ins(%x, %p, %s : memref<?x96xf32>, memref<?x4xf32>, memref<?x1xi64>) outs(%t : memref<?xi32>) {vocab = 96}
  return
}

// -----

//===----------------------------------------------------------------------===//
// Partners
//===----------------------------------------------------------------------===//

func.func @f(%x: memref<?x96xf32>, %n: index) {
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96} prologue {
  ^bb0(%v: f32):
    %s = arith.addf %v, %v : f32
    // expected-error @+1 {{expects the region's argument of an input of values that stands before the angles}}
    %p = tok.partner %s adjacent head = 32 dims = 32
    tok.yield %p : f32
  }
  return
}

// -----

tok.weight @w : tensor<96xf32> = source "m.gguf" at [0]
func.func @f(%x: memref<?x96xf32>, %n: index) {
  tok.kernel "rowwise" rows(%n to %n) weights [@w] ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96} prologue {
  ^bb0(%v: f32, %w: f32):
    // expected-error @+1 {{expects the region's argument of an input of values that stands before the angles}}
    %p = tok.partner %w adjacent head = 32 dims = 32
    tok.yield %p : f32
  }
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %n: index) {
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96} prologue {
  ^bb0(%v: f32):
    // expected-error @+1 {{expects an even number of dims of at most the head, but got dims = 32 of head = 0}}
    %p = tok.partner %v adjacent head = 0 dims = 32
    tok.yield %p : f32
  }
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %n: index) {
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96} prologue {
  ^bb0(%v: f32):
    // expected-error @+1 {{expects an even number of dims of at most the head, but got dims = 48 of head = 32}}
    %p = tok.partner %v halves head = 32 dims = 48
    tok.yield %p : f32
  }
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %n: index) {
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96} prologue {
  ^bb0(%v: f32):
    // expected-error @+1 {{expects heads that fill the 96 columns, but got head = 64}}
    %p = tok.partner %v halves head = 64 dims = 32
    tok.yield %p : f32
  }
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects 'scratch' to be an integer of at least 0 in the configuration of 'rowwise'}}
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96, scratch = "much"} prologue {
  ^bb0(%v: f32):
    tok.yield %v : f32
  }
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects 'scratch' to be an integer of at least 0 in the configuration of 'rowwise'}}
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96, scratch = -64} prologue {
  ^bb0(%v: f32):
    tok.yield %v : f32
  }
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects 'row_bytes' to be an integer of at least 0 in the configuration of 'rowwise'}}
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96, row_bytes = 64 : i32} prologue {
  ^bb0(%v: f32):
    tok.yield %v : f32
  }
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects 'row_bytes' to be an integer of at least 0 in the configuration of 'rowwise'}}
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96, row_bytes = 1.5 : f32} prologue {
  ^bb0(%v: f32):
    tok.yield %v : f32
  }
  return
}

// -----

module attributes {tok.model = #tok.model<arch = "llama", name = "m", layers = 1, width = 96, context = 256, vocab = 97>} {
tok.weight @w : tensor<96x96xf32> = source "m.gguf" at [0]
func.func @f(%i: memref<?xi32>, %x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects @w to have a row for each of the model's 97 tokens, but it is 'tensor<96x96xf32>'}}
  tok.kernel "embed" rows(%n to %n) weights [@w] ins(%i : memref<?xi32>) outs(%x : memref<?x96xf32>) {columns = 96, scale = 1.0 : f32}
  return
}
}

// -----

func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects a region on f32, but got 'f64'}}
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96} prologue {
  ^bb0(%v: f64):
    %w = arith.truncf %v : f64 to f32
    tok.yield %w : f32
  }
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects pairs = adjacent or halves, but got thirds}}
  tok.kernel "angles" rows(%n to %n) outs(%x : memref<?x96xf32>) {base = 1.0e4, dims = 48, head = 48, pairs = "thirds"}
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects an even number of dims of at most the head, but got dims = 64 of head = 48}}
  tok.kernel "angles" rows(%n to %n) outs(%x : memref<?x96xf32>) {base = 1.0e4, dims = 64, head = 48, pairs = "halves"}
  return
}

// -----

!kv = !tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @f(%x: memref<?x32xf32>, %kv: !kv, %n: index) {
  // expected-error @+1 {{expects 'cache' and 'side' (k or v) in the configuration of what writes a cache}}
  tok.kernel "rowwise" rows(%n to %n) layer(%n) ins(%x : memref<?x32xf32>) outs(%kv : !kv) {columns = 32, cache = 0, side = "q"} prologue {
  ^bb0(%v: f32):
    tok.yield %v : f32
  }
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects 'group' to be a multiple of 16 that divides the 96 columns, but got 24 : i64}}
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96, group = 24} prologue {
  ^bb0(%v: f32):
    tok.yield %v : f32
  }
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects 'group' to be a multiple of 16 that divides the 96 columns, but got 64 : i64}}
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96, group = 64} prologue {
  ^bb0(%v: f32):
    tok.yield %v : f32
  }
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %y: memref<?x144xi8>, %n: index) {
  // expected-error @+1 {{expects a kernel of groups to write f32 and to read no angles}}
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x96xf32>) outs(%y : memref<?x144xi8>) {columns = 96, group = 32} prologue {
  ^bb0(%v: f32):
    tok.yield %v : f32
  }
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects a kernel of groups to write f32 and to read no angles}}
  tok.kernel "rowwise" rows(%n to %n) ins(%x, %x : memref<?x96xf32>, memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96, group = 32, angles = 1, head = 32}
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects 'head' to be a positive integer, but got 0 : i64}}
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96, head = 0} prologue {
  ^bb0(%v: f32):
    tok.yield %v : f32
  }
  return
}

// -----

tok.weight @w : tensor<96x96xf32> = source "m.gguf" at [0]
func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects as many biases as matrices (2) or none, but got 3}}
  tok.kernel "linear" rows(%n to %n) weights [@w, @w, @w, @w, @w] ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {matrices = 2, inputs = 96, outputs = 96, compute = "f32"}
  return
}

// -----

tok.weight @w : tensor<96x96xf32> = source "m.gguf" at [0]
func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects compute = f32, i8, f16 or bf16, but got f64}}
  tok.kernel "linear" rows(%n to %n) weights [@w] ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {matrices = 1, inputs = 96, outputs = 96, compute = "f64"}
  return
}

// -----

tok.weight @w : tensor<96x96xf32> = source "m.gguf" at [0]
func.func @f(%x: memref<?x96xf32>, %n: index) {
  // expected-error @+1 {{expects the input to be memref<?xN x 'f16'> with N of at least 96, but got 'memref<?x96xf32>'}}
  tok.kernel "linear" rows(%n to %n) weights [@w] ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {matrices = 1, inputs = 96, outputs = 96, compute = "f16"}
  return
}

// -----

tok.weight @w : tensor<96x96xf32> = source "m.gguf" at [0]
func.func @f(%x: memref<?x96xf32>, %n: index) {
  tok.kernel "linear" rows(%n to %n) weights [@w] ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {matrices = 1, inputs = 96, outputs = 96, compute = "f32"} epilogue {
  ^bb0(%v: f32):
    // expected-error @+1 {{expects to stand in a 'rowwise' kernel}}
    %p = tok.partner %v adjacent head = 32 dims = 32
    tok.yield %p : f32
  }
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %n: index) {
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96, group = 32} prologue {
  ^bb0(%v: f32):
    // expected-error @+1 {{expects to stand in a kernel without groups}}
    %p = tok.partner %v adjacent head = 32 dims = 32
    tok.yield %p : f32
  }
  return
}

// -----

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

func.func @f() {
  // expected-error @+1 {{expects rows of at most 2^40 columns, but got 'memref<?x1099511627777xi8>'}}
  %x = tok.buffer : memref<?x1099511627777xi8>
  return
}

// -----

func.func @f() {
  // expected-error @+1 {{expects worker_rows to be positive, but got 0}}
  %x = tok.buffer worker_rows = 0 : memref<?x64xf32>
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %a: memref<?x64xf32>, %n: index) {
  tok.kernel "rowwise" rows(%n to %n) ins(%x, %a : memref<?x96xf32>, memref<?x64xf32>) outs(%x : memref<?x96xf32>) {columns = 96, angles = 1, head = 32} prologue {
  ^bb0(%v: f32, %c: f32, %s: f32):
    // expected-error @+1 {{expects halves of an input that is no output of the kernel: some would be written before they are read}}
    %p = tok.partner %v halves head = 32 dims = 32
    %o = math.fma %p, %s, %c : f32
    tok.yield %o : f32
  }
  return
}

// -----

func.func @f(%x: memref<?x96xf32>, %i: memref<?xi32>, %n: index) {
  // expected-error @+1 {{expects inputs that are gathered to be no outputs: rows would be written before they are read}}
  tok.kernel "rowwise" rows(%n to %n) ins(%x, %i : memref<?x96xf32>, memref<?xi32>) outs(%x : memref<?x96xf32>) {columns = 96, gather} prologue {
  ^bb0(%v: f32):
    tok.yield %v : f32
  }
  return
}
