// A key with a prefix belongs to somebody else: no template refuses it.
// RUN: tokopt-opt %s --tok-choose-kernels=target=avx2 | FileCheck %s

tok.weight @w : tensor<96x96x!tok.q8_0> = source "m.gguf" at [0] image [0]
// CHECK-LABEL: func.func @others
// CHECK: tok.kernel "linear" {{.*}}test.copy = 4 : i64
func.func @others(%x: memref<?x96xf32>, %y: memref<?x96xf32>, %n: index) {
  tok.kernel "linear" rows(%n to %n) weights [@w] ins(%x : memref<?x96xf32>) outs(%y : memref<?x96xf32>) {compute = "f32", inputs = 96, matrices = 1, outputs = 96, test.copy = 4}
  return
}
