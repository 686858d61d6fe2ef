// RUN: tokopt-opt %s --split-input-file --verify-diagnostics

// A slot's type says how many bytes generated code touches at the runtime's address.

// expected-error @+1 {{expects slot "ids" to be ?xi32, but got 'tensor<?xi64>'}}
func.func @step(%ids: tensor<?xi64> {tok.slot = "ids"}) {
  return
}

// -----

// expected-error @+1 {{expects slot "ids" to be ?xi32, but got 'tensor<8xi32>'}}
func.func @step(%ids: tensor<8xi32> {tok.slot = "ids"}) {
  return
}

// -----

// expected-error @+1 {{expects slot "sampling" to be ?x4xf32, but got 'tensor<?x8xf32>'}}
func.func @step(%p: tensor<?x8xf32> {tok.slot = "sampling"}) {
  return
}

// -----

// expected-error @+1 {{expects slot "full_rows" to be index, but got 'i64'}}
func.func @step(%n: i64 {tok.slot = "full_rows"}) {
  return
}

// -----

// expected-error @+1 {{expects slot "tokens" to be ?xi32, but got 'memref<?xf32>'}}
func.func @step(%t: memref<?xf32> {tok.slot = "tokens"}) {
  return
}

// -----

// expected-error @+1 {{expects slot "rows" to be !tok.rows or index, but got 'tensor<?xi32>'}}
func.func @step(%r: tensor<?xi32> {tok.slot = "rows"}) {
  return
}

// -----

// expected-error @+1 {{expects slot "tokens" to be ?xi32, but got 'tensor<?xi64>'}}
func.func @step(%t: tensor<?xi64>) -> (tensor<?xi64> {tok.slot = "tokens"}) {
  return %t : tensor<?xi64>
}

// -----

// expected-error @+1 {{expects 'tok.slot' to be a string on an argument or result of a func.func, but got 3 : i64}}
func.func @step(%t: tensor<?xi64> {tok.slot = 3}) {
  return
}

// -----

// expected-error @+1 {{has an unknown attribute 'tok.slots' of the tok dialect on an argument or result}}
func.func @step(%t: tensor<?xi64> {tok.slots = "ids"}) {
  return
}

// -----

// expected-error @+1 {{expects slot "barrier" to be one that an entry may take (docs/bundle.md), but got 'memref<?xi32>'}}
func.func @step(%t: memref<?xi32> {tok.slot = "barrier"}) {
  return
}

// -----

// With a model, sizes are the model's.
module attributes {tok.model = #tok.model<arch = "llama", name = "m", layers = 2, width = 96, context = 256, vocab = 64>} {
  // expected-error @+1 {{expects slot "frontier" to be ?x96xf32, but got 'tensor<?x192xf32>'}}
  func.func @frontier(%f: tensor<?x192xf32> {tok.slot = "frontier"}) {
    return
  }
  // expected-error @+1 {{expects slot "logits" to be ?x64xf32, but got 'tensor<?x65xf32>'}}
  func.func @logits(%z: tensor<?x65xf32>) -> (tensor<?x65xf32> {tok.slot = "logits"}) {
    return %z : tensor<?x65xf32>
  }
}
