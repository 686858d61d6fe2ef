// RUN: tokopt-opt %s --tok-decompose --split-input-file | FileCheck %s

// CHECK-DAG:   #[[$X:.*]] = affine_map<(d0, d1) -> (d0)>
// CHECK-DAG:   #[[$W:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG:   #[[$Y:.*]] = affine_map<(d0, d1) -> (d1)>
// CHECK:       tok.weight @attn_q {{.*}} image [0, 5760]
tok.weight @attn_q layers = [0-1] : tensor<96x96x!tok.q4_1> = source "m.gguf" at [0, 5760]

// The last panel of 64 outputs starts at 96 - 64; (row, k, out) with k in order.
// Sums do not start in the output.
// CHECK-LABEL: func.func @linear(
// CHECK-NOT:     math.roundeven
// CHECK:         scf.for %[[N:.*]] = %{{.*}} to %{{.*}} step %{{.*}} iter_args(%[[OUT:.*]] = %{{.*}})
// CHECK:           %[[LAST:.*]] = arith.constant 32 : index
// CHECK:           %[[FIRST:.*]] = arith.minui %[[N]], %[[LAST]]
// CHECK:           linalg.transpose {{.*}} : tensor<64x96xf32>) outs({{.*}} : tensor<96x64xf32>) permutation = [1, 0]
// CHECK:           scf.for %[[ROW:.*]] = {{.*}} iter_args(%[[PART:.*]] = %[[OUT]])
// CHECK:             linalg.generic {indexing_maps = [#[[$X]], #[[$W]], #[[$Y]]], iterator_types = ["reduction", "parallel"]}
// CHECK:               math.fma
// CHECK:             tensor.insert_slice {{.*}} into %[[PART]][%[[ROW]], %[[FIRST]]]
// CHECK:         tensor.expand_shape {{.*}} : tensor<?x96xf32> into tensor<?x3x32xf32>
func.func @linear(%x: tensor<?x96xf32>) -> tensor<?x3x32xf32> {
  %l = arith.constant 0 : index
  %q = tok.linear %x, @attn_q[%l] : tensor<?x96xf32> -> tensor<?x3x32xf32>
  return %q : tensor<?x3x32xf32>
}

// -----

tok.weight @q : tensor<32x64x!tok.q8_0> = source "m.gguf" at [0]
tok.weight @q_bias : tensor<32xf32> = source "m.gguf" at [2176]

// The input is rounded in blocks, the bias is added last.
// CHECK-LABEL: func.func @rounded(
// CHECK:         math.absf
// CHECK:         math.roundeven
// CHECK:         scf.for
// CHECK:           math.fma
// CHECK:         %[[SUM:.*]] = arith.addf
// CHECK-NEXT:    linalg.yield %[[SUM]]
func.func @rounded(%x: tensor<?x2x32xf32>) -> tensor<?x32xf32> {
  %y = tok.linear %x, @q bias @q_bias compute = <i8, block = 32>
      : tensor<?x2x32xf32> -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}
