// RUN: tokopt-opt %s --tok-decompose | FileCheck %s

// CHECK-LABEL: func.func @silu(
// CHECK:         %[[N:.*]] = arith.negf %[[X:.*]] :
// CHECK-NEXT:    %[[E:.*]] = math.exp %[[N]]
// CHECK:         %[[S:.*]] = arith.addf %[[E]]
// CHECK-NEXT:    arith.divf %[[X]], %[[S]]
// CHECK-NEXT:    arith.mulf
func.func @silu(%g: tensor<?x160xf32>, %u: tensor<?x160xf32>) -> tensor<?x160xf32> {
  %h = tok.gated %g, %u silu : tensor<?x160xf32>
  return %h : tensor<?x160xf32>
}

// CHECK-LABEL: func.func @gelu(
// CHECK:         arith.constant 4.471500e-02 : f32
// CHECK:         arith.constant 0.797884583 : f32
// CHECK:         math.tanh
func.func @gelu(%g: tensor<?x160xf32>, %u: tensor<?x160xf32>) -> tensor<?x160xf32> {
  %h = tok.gated %g, %u gelu_tanh : tensor<?x160xf32>
  return %h : tensor<?x160xf32>
}
