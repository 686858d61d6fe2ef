// RUN: not tokopt-kernels %s --emit=ptx 2>&1 | FileCheck %s

// CHECK: knobs.mlir: the kernels cannot be emitted: line [[#@LINE+3]], column 3: 'tok.kernel' op of the family 'attention' expects the knob 'warps' to be 2, 4 or 8 (an i64), but got 0 : i64
!kv = !tok.cache<layers = [0], heads = 2, k = 64 x f16, v = 64 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @direct(%q: memref<?x384xf32>, %kv: !kv, %o: memref<?x384xf32>, %n: index) {
  tok.kernel "attention" rows(%n to %n) layer(%n) ins(%q, %kv : memref<?x384xf32>, !kv) outs(%o : memref<?x384xf32>) {heads = 6, scale = 0.125 : f32, window = 0, cache = 0, context = 2048, warps = 0}
  return
}
