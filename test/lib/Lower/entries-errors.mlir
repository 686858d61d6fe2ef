// RUN: tokopt-opt %s --split-input-file --verify-diagnostics --tok-lower-to-program

// One frame serves all entries.

!kv = !tok.cache<layers = [0], heads = 1, k = 32 x f32, v = 32 x f32, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
!small = !tok.cache<layers = [0], heads = 1, k = 32 x f16, v = 32 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %kv: !kv {tok.slot = "kv"}) {
  return
}
// expected-error @+1 {{expects the cache "kv" to be that of the other entries}}
func.func @draft(%ids: tensor<?xi32> {tok.slot = "ids"}, %kv: !small {tok.slot = "kv"}) {
  return
}

// -----

func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x64xf32> {tok.slot = "frontier"}) -> (tensor<?x64xf32> {tok.slot = "logits"}) {
  return %x : tensor<?x64xf32>
}
// expected-error @+1 {{expects rows of logits 64 apart, as in the other entries, but got 80}}
func.func @draft(%ids: tensor<?xi32> {tok.slot = "ids"}, %x: tensor<?x65xf32> {tok.slot = "frontier"}) -> (tensor<?x65xf32> {tok.slot = "logits"}) {
  return %x : tensor<?x65xf32>
}
