// RUN: tokopt-opt %s --tok-decompose | FileCheck %s

// A value in a tok format is a tensor of its bytes: 96 values of q4_1 are 3 blocks of 20.
// CHECK-LABEL: func.func @dequantize(
// CHECK-SAME:    %[[W:.*]]: tensor<4x60xi8>) -> tensor<4x96xf32>
// CHECK:         tensor.collapse_shape %[[W]] {{\[}}[0, 1]] : tensor<4x60xi8> into tensor<240xi8>
// CHECK:         linalg.generic
func.func @dequantize(%w: tensor<4x96x!tok.q4_1>) -> tensor<4x96xf32> {
  %d = tok.dequantize %w : tensor<4x96x!tok.q4_1>
  return %d : tensor<4x96xf32>
}

// CHECK-LABEL: func.func @half(
// CHECK:         arith.extf %{{.*}} : f16 to f32
func.func @half(%w: tensor<96xf16>) -> tensor<96xf32> {
  %d = tok.dequantize %w : tensor<96xf16>
  return %d : tensor<96xf32>
}

// The largest magnitude of each block, then the bytes. Halves go away from zero, as in the file's reference.
// CHECK-LABEL: func.func @quantize(
// CHECK-SAME:    %[[X:.*]]: tensor<?x64xf32>) -> tensor<?x68xi8>
// CHECK:         tensor.expand_shape %{{.*}} : tensor<?x64xf32> into tensor<?x2x32xf32>
// CHECK:         outs(%{{.*}} : tensor<?x2x34xi8>)
// CHECK:           math.round %
// CHECK:         tensor.collapse_shape %{{.*}} : tensor<?x2x34xi8> into tensor<?x68xi8>
func.func @quantize(%x: tensor<?x64xf32>) -> tensor<?x64x!tok.q8_0> {
  %q = tok.quantize %x -> tensor<?x64x!tok.q8_0>
  return %q : tensor<?x64x!tok.q8_0>
}

// A vector is a matrix of one row on the way.
// CHECK-LABEL: func.func @vector(
// CHECK-SAME:    tensor<64xf32>) -> tensor<36xi8>
// CHECK:         tensor.expand_shape %{{.*}} : tensor<64xf32> into tensor<1x64xf32>
// CHECK:         tensor.collapse_shape %{{.*}} : tensor<1x36xi8> into tensor<36xi8>
func.func @vector(%x: tensor<64xf32>) -> tensor<64x!tok.q4_0> {
  %q = tok.quantize %x -> tensor<64x!tok.q4_0>
  return %q : tensor<64x!tok.q4_0>
}

// CHECK-LABEL: func.func @scale(
// CHECK:         arith.mulf
func.func @scale(%x: tensor<4x64xf32>, %s: tensor<64xf32>) -> tensor<4x64xf32> {
  %y = tok.scale_columns %x, %s : tensor<4x64xf32>
  return %y : tensor<4x64xf32>
}

// The bundler computes weights: their regions stay as they are, and the image has what they yield. What only an
// expression reads has no place.
// CHECK:      tok.weight @s : tensor<64xf32> = source "m.gguf" at [0]{{$}}
// CHECK:      tok.weight @w : tensor<4x64xf16> = source "m.gguf" at [0] : tensor<4x64x!tok.q4_0> with @s image [0] {
// CHECK:        tok.scale_columns
// CHECK:        tok.yield
// CHECK:      tok.weight @v : tensor<64xf32> = source "m.gguf" at [0] image [512]
tok.weight @s : tensor<64xf32> = source "m.gguf" at [0]
tok.weight @w : tensor<4x64xf16> = source "m.gguf" at [0] : tensor<4x64x!tok.q4_0> with @s {
^bb0(%w: tensor<4x64x!tok.q4_0>, %s: tensor<64xf32>):
  %d = tok.dequantize %w : tensor<4x64x!tok.q4_0>
  %e = tok.scale_columns %d, %s : tensor<4x64xf32>
  %q = tok.quantize %e -> tensor<4x64xf16>
  tok.yield %q : tensor<4x64xf16>
}
tok.weight @v : tensor<64xf32> = source "m.gguf" at [0]
