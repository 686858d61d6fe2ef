// RUN: tokopt-opt %s --tok-decompose --split-input-file | FileCheck %s

tok.weight @token_embd : tensor<64x96x!tok.q8_0> = source "m.gguf" at [0]

// An id that is not in the vocabulary reads the last row, not memory behind it.
// CHECK-LABEL: func.func @embed(
// CHECK-SAME:    %[[IDS:.*]]: tensor<?xi32>, %[[W:.*]]: tensor<?xi8> {tok.slot = "weights"})
// CHECK:         linalg.generic
// CHECK:           %[[ID:.*]] = tensor.extract %[[IDS]]
// CHECK:           arith.index_castui %[[ID]]
// CHECK:           %[[LAST:.*]] = arith.constant 63 : index
// CHECK:           arith.minui %{{.*}}, %[[LAST]]
// CHECK:           arith.constant 102 : index
// CHECK:           tensor.extract %[[W]]
// CHECK:         tensor.collapse_shape {{.*}} into tensor<?x96xf32>
// CHECK-NEXT:    return
func.func @embed(%ids: tensor<?xi32>) -> tensor<?x96xf32> {
  %x = tok.embed %ids, @token_embd : tensor<?xi32> -> tensor<?x96xf32>
  return %x : tensor<?x96xf32>
}

// -----

tok.weight @token_embd : tensor<64x96xf16> = source "m.gguf" at [0]

// CHECK-LABEL: func.func @scaled(
// CHECK:         arith.extf {{.*}} : f16 to f32
// CHECK:         linalg.generic
// CHECK:           %[[S:.*]] = arith.constant 2.500000e+01 : f32
// CHECK:           arith.mulf %{{.*}}, %[[S]]
func.func @scaled(%ids: tensor<?xi32>) -> tensor<?x96xf32> {
  %x = tok.embed %ids, @token_embd {scale = 25.0 : f32} : tensor<?xi32> -> tensor<?x96xf32>
  return %x : tensor<?x96xf32>
}
