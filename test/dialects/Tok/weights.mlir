// RUN: tokopt-opt %s --verify-roundtrip | FileCheck %s

// Weights as expressions, and the same ops on values.

tok.weight @norm : tensor<64xf32> = source "m.gguf" at [0]
tok.weight @norms layers = [0, 1, 3] : tensor<64xf32> = source "m.gguf" at [0, 1, 2]

// CHECK:      tok.weight @plain : tensor<32x64x!tok.q8_0> = source "m.gguf" at [7] : tensor<32x64xf16> {
// CHECK-NEXT: ^bb0(%[[W:.*]]: tensor<32x64xf16>):
// CHECK-NEXT:   %[[D:.*]] = tok.dequantize %[[W]] : tensor<32x64xf16>
// CHECK-NEXT:   %[[Q:.*]] = tok.quantize %[[D]] -> tensor<32x64x!tok.q8_0>
// CHECK-NEXT:   tok.yield %[[Q]] : tensor<32x64x!tok.q8_0>
// CHECK-NEXT: }
tok.weight @plain : tensor<32x64x!tok.q8_0> = source "m.gguf" at [7] : tensor<32x64xf16> {
^bb0(%w: tensor<32x64xf16>):
  %d = tok.dequantize %w : tensor<32x64xf16>
  %q = tok.quantize %d -> tensor<32x64x!tok.q8_0>
  tok.yield %q : tensor<32x64x!tok.q8_0>
}

// A family whose members read those of other families, and one that all layers share.
// CHECK:      tok.weight @scaled layers = [0-1] : tensor<32x64xf16> = source "m.gguf" at [7, 8] : tensor<32x64x!tok.q4_1> with @norms, @norm image [0, 4096] attributes {note} {
// CHECK-NEXT: ^bb0(%{{.*}}: tensor<32x64x!tok.q4_1>, %[[A:.*]]: tensor<64xf32>, %[[B:.*]]: tensor<64xf32>):
// CHECK:        tok.scale_columns %{{.*}}, %[[A]] : tensor<32x64xf32>
// CHECK:        tok.scale_columns %{{.*}}, %[[B]] : tensor<32x64xf32>
tok.weight @scaled layers = [0, 1] : tensor<32x64xf16> = source "m.gguf" at [7, 8]
    : tensor<32x64x!tok.q4_1> with @norms, @norm image [0, 4096] attributes {note} {
^bb0(%w: tensor<32x64x!tok.q4_1>, %a: tensor<64xf32>, %b: tensor<64xf32>):
  %0 = tok.dequantize %w : tensor<32x64x!tok.q4_1>
  %1 = tok.scale_columns %0, %a : tensor<32x64xf32>
  %2 = tok.scale_columns %1, %b : tensor<32x64xf32>
  %3 = tok.quantize %2 -> tensor<32x64xf16>
  tok.yield %3 : tensor<32x64xf16>
}

// The members of a computed family are read as those of any other, and may stand before it.
// CHECK: tok.weight @again layers = [1] : tensor<32x64x!tok.q4_0> = source "m.gguf" at [7] : tensor<64xf32> with @scaled {
tok.weight @again layers = [1] : tensor<32x64x!tok.q4_0> = source "m.gguf" at [7] : tensor<64xf32> with @scaled {
^bb0(%s: tensor<64xf32>, %w: tensor<32x64xf16>):
  %d = tok.dequantize %w : tensor<32x64xf16>
  %e = tok.scale_columns %d, %s : tensor<32x64xf32>
  %q = tok.quantize %e -> tensor<32x64x!tok.q4_0>
  tok.yield %q : tensor<32x64x!tok.q4_0>
}

// CHECK-LABEL: func.func @values(
func.func @values(%x: tensor<?x256xf32>, %k: tensor<2x256x!tok.q4_k>, %v: tensor<64xf16>, %s: tensor<256xf32>)
    -> (tensor<?x256x!tok.q5_0>, tensor<2x256xf32>, tensor<64xf32>) {
  // CHECK: tok.scale_columns %{{.*}}, %{{.*}} : tensor<?x256xf32>
  %0 = tok.scale_columns %x, %s : tensor<?x256xf32>
  // CHECK: tok.quantize %{{.*}} -> tensor<?x256x!tok.q5_0>
  %1 = tok.quantize %0 -> tensor<?x256x!tok.q5_0>
  // CHECK: tok.dequantize %{{.*}} : tensor<2x256x!tok.q4_k>
  %2 = tok.dequantize %k : tensor<2x256x!tok.q4_k>
  // CHECK: tok.dequantize %{{.*}} : tensor<64xf16>
  %3 = tok.dequantize %v : tensor<64xf16>
  return %1, %2, %3 : tensor<?x256x!tok.q5_0>, tensor<2x256xf32>, tensor<64xf32>
}
