// RUN: tokopt-opt %s --tok-decompose --split-input-file | FileCheck %s

tok.weight @attn_norm layers = [0-1] : tensor<96xf32> = source "m.gguf" at [0, 384]

// The member of the layer is read from the bytes; squares are summed in f64.
// CHECK-LABEL: func.func @rms(
// CHECK-SAME:    %[[X:.*]]: tensor<?x96xf32>, %[[W:.*]]: tensor<?xi8> {tok.slot = "weights"})
// CHECK:         linalg.generic {{.*}}iterator_types = ["parallel", "reduction"]} ins(%[[X]]
// CHECK:           arith.extf
// CHECK:           arith.mulf
// CHECK:           arith.addf {{.*}} : f64
// CHECK:         %[[STRIDE:.*]] = arith.constant 384 : index
// CHECK:         arith.muli %{{.*}}, %[[STRIDE]]
// CHECK:         tensor.extract %[[W]]
// CHECK:         arith.bitcast {{.*}} : i32 to f32
// CHECK:         math.sqrt
// CHECK-NOT:     tok.norm
func.func @rms(%x: tensor<?x96xf32>) -> tensor<?x96xf32> {
  %l = arith.constant 0 : index
  %n = tok.norm %x, @attn_norm[%l] rms eps = 1.0e-5 : tensor<?x96xf32>
  return %n : tensor<?x96xf32>
}

// -----

tok.weight @q_norm : tensor<32xf32> = source "m.gguf" at [0]
tok.weight @q_bias : tensor<32xf32> = source "m.gguf" at [128]

// Each head alone; the mean is taken off first.
// CHECK-LABEL: func.func @heads(
// CHECK:         linalg.generic {{.*}}["parallel", "parallel", "reduction"]}
// CHECK:         arith.subf
// CHECK:         linalg.generic {{.*}}["parallel", "parallel", "reduction"]}
// CHECK:         math.sqrt
// CHECK-NEXT:    arith.divf
// CHECK-NEXT:    arith.mulf
// CHECK-NEXT:    arith.addf
func.func @heads(%x: tensor<?x3x32xf32>) -> tensor<?x3x32xf32> {
  %n = tok.norm %x, @q_norm bias @q_bias layer eps = 1.0e-5 : tensor<?x3x32xf32>
  return %n : tensor<?x3x32xf32>
}

// -----

// What is upstream's already stays, and no argument is added for it.
// CHECK-LABEL: func.func @upstream(
// CHECK-SAME:    %[[X:.*]]: tensor<?x96xf32>) -> tensor<?x96xf32>
// CHECK-NEXT:    %[[Y:.*]] = arith.addf %[[X]], %[[X]] : tensor<?x96xf32>
// CHECK-NEXT:    return %[[Y]]
func.func @upstream(%x: tensor<?x96xf32>) -> tensor<?x96xf32> {
  %y = arith.addf %x, %x : tensor<?x96xf32>
  return %y : tensor<?x96xf32>
}
