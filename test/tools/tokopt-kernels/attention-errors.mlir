// RUN: not tokopt-kernels %s --emit=mlir 2>&1 | FileCheck %s

// CHECK: tokopt-kernels: error: {{.*}}: 'tok.kernel' op has a mask or results that have no CUDA template: expects one output and positions that see those before

!kv = !tok.cache<layers = [0-1], heads = 1, k = 64 x f16, v = 64 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @step(%q: memref<?x64xf32>, %kv: !kv, %o: memref<?x64xf32>, %b: index, %e: index, %l: index) {
  tok.kernel "attention" rows(%b to %e) layer(%l) ins(%q, %kv : memref<?x64xf32>, !kv) outs(%o : memref<?x64xf32>)
      {heads = 1, scale = 0.125 : f32, window = 0, cache = 0, context = 512, full}
  return
}
