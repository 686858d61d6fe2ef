// A plugin adds a template to a target that has none of its family, and puts one in the place of ours.
// RUN: tokopt-opt %s --load-pass-plugin=%plugins/libTokPluginTemplates.so "--tok-choose-kernels=target=sm_80 print" 2>&1 >/dev/null | FileCheck %s --check-prefix=CUDA
// RUN: not tokopt-opt %s --tok-choose-kernels=target=sm_80 2>&1 | FileCheck %s --check-prefix=WITHOUT
// RUN: tokopt-opt %s --load-pass-plugin=%plugins/libTokPluginTemplates.so --tok-plan-buffers --tok-insert-barriers --tok-plan-image --tok-choose-kernels=print --tok-expand-kernels 2>&1 | FileCheck %s --check-prefix=CPU

// RUN: not tokopt-kernels %s --load-pass-plugin=%plugins/libTokPluginTemplates.so --emit=mlir 2>&1 | FileCheck %s --check-prefix=UNFINISHED
// RUN: not tokopt-kernels %s --load-pass-plugin=%t.none --emit=mlir 2>&1 | FileCheck %s --check-prefix=NONE

// UNFINISHED: error: {{.*}}plugin-templates.mlir: the kernels cannot be emitted: line {{[0-9]+}}, column 3: 'tok.kernel' op of the family 'embed' became a function without 'tok.launch': its template must say how it is launched (Emitter::finish)
// NONE:    tokopt-kernels: error: Could not load library
// CUDA:    rowwise {{.*}}: a block a row
// CUDA:    embed {{.*}}: nothing (runner-up: none): a plugin says so
// WITHOUT: error: 'tok.kernel' op has the family 'embed', but the target 'cuda' has templates for
// CPU:     rowwise {{.*}}: nothing (runner-up: none): a plugin says so
// CPU:     embed {{.*}}: a lane of the packed panel
// CPU:     func.func private @rowwise_0(
// CPU-NEXT:  return
// CPU-NEXT: }

tok.weight @w : tensor<96x96x!tok.q4_1> = source "m.gguf" at [0]
func.func @step(%ids: memref<?xi32> {tok.slot = "ids"}, %x: memref<?x96xf32> {tok.slot = "frontier"}, %z: memref<?x96xf32> {tok.slot = "logits"}) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %ids, %c0 : memref<?xi32>
  %y = tok.buffer : memref<?x96xf32>
  tok.kernel "rowwise" rows(%c0 to %n) ins(%x : memref<?x96xf32>) outs(%y : memref<?x96xf32>) {columns = 96} prologue {
  ^bb0(%v: f32):
    tok.yield %v : f32
  }
  tok.kernel "embed" rows(%c0 to %n) weights [@w] ins(%ids : memref<?xi32>) outs(%z : memref<?x96xf32>)
      {columns = 96, scale = 1.0 : f32}
  return
}
