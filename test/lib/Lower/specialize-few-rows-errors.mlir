// RUN: tokopt-opt %s --verify-diagnostics --tok-specialize-few-rows

// What stays outside of the branch by rows cannot read what stands inside of it.

tok.weight @w : tensor<96x96xf32> = source "m.gguf" at [0]

func.func @step(%ids: memref<?xi32> {tok.slot = "ids"}, %x: memref<?x96xf32> {tok.slot = "frontier"}) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %ids, %c0 : memref<?xi32>
  %y = tok.buffer : memref<?x96xf32>
  %z = tok.buffer : memref<?x96xf32>
  // expected-error @+1 {{expects what kernels write to be read by kernels}}
  %m = memref.dim %z, %c0 : memref<?x96xf32>
  tok.kernel "rowwise" rows(%c0 to %n) ins(%x : memref<?x96xf32>) outs(%y : memref<?x96xf32>) {columns = 96}
  tok.kernel "linear" rows(%c0 to %m) weights [@w] ins(%y : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {compute = "f32", inputs = 96, matrices = 1, outputs = 96}
  return
}
