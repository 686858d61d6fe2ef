// RUN: tokopt-opt %s --split-input-file --verify-diagnostics

// Weights that are computed, and the ops that compute them.

//===----------------------------------------------------------------------===//
// The source
//===----------------------------------------------------------------------===//

// expected-error @+1 {{expects a region that computes it from a source of another type}}
tok.weight @w : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf16>

// -----

tok.weight @s : tensor<32xf32> = source "m.gguf" at [0]
// expected-error @+1 {{expects a region that computes it from other families}}
tok.weight @w : tensor<32xf32> = source "m.gguf" at [0] with @s

// -----

// expected-error @+1 {{expects a type of its source, since it is computed}}
tok.weight @w : tensor<32xf32> = source "m.gguf" at [0] {
^bb0(%w: tensor<32xf32>):
  tok.yield %w : tensor<32xf32>
}

// -----

// expected-error @+1 {{in its source: expects a weight format, bf16, f16 or f32, but got 'f64'}}
tok.weight @w : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf64> {
^bb0(%w: tensor<32xf64>):
  tok.yield %w : tensor<32xf64>
}

// -----

// expected-error @+1 {{in its source: expects rows of a multiple of 256 values, but got 32}}
tok.weight @w : tensor<32xf32> = source "m.gguf" at [0] : tensor<32x!tok.q4_k> {
^bb0(%w: tensor<32x!tok.q4_k>):
  tok.yield %w : tensor<32x!tok.q4_k>
}

// -----

//===----------------------------------------------------------------------===//
// The region
//===----------------------------------------------------------------------===//

tok.weight @s : tensor<32xf32> = source "m.gguf" at [0]
// expected-error @+1 {{expects a region of 2 arguments, its source and its families, but it has 1}}
tok.weight @w : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @s {
^bb0(%w: tensor<32xf32>):
  tok.yield %w : tensor<32xf32>
}

// -----

// expected-error @+1 {{expects the region's first argument to be the source, 'tensor<32xf16>', but it is 'tensor<32xf32>'}}
tok.weight @w : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf16> {
^bb0(%w: tensor<32xf32>):
  tok.yield %w : tensor<32xf32>
}

// -----

tok.weight @s : tensor<64xf32> = source "m.gguf" at [0]
// expected-error @+1 {{expects argument 1 of the region to be a member of @s, 'tensor<64xf32>', but it is 'tensor<32xf32>'}}
tok.weight @w : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @s {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %w : tensor<32xf32>
}

// -----

tok.weight @w : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf16> {
^bb0(%w: tensor<32xf16>):
  // expected-error @+1 {{expects one value of the weight's type, 'tensor<32xf32>', but got 'tensor<32xf16>'}}
  tok.yield %w : tensor<32xf16>
}

// -----

tok.weight @w : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> {
^bb0(%w: tensor<32xf32>):
  // expected-error @+1 {{expects one value of the weight's type, 'tensor<32xf32>', but got 'tensor<32xf32>', 'tensor<32xf32>'}}
  tok.yield %w, %w : tensor<32xf32>, tensor<32xf32>
}

// -----

// expected-error @+1 {{expects a region that ends in tok.yield}}
tok.weight @w : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> {
^bb0(%w: tensor<32xf32>):
  llvm.unreachable
}

// -----

tok.weight @w : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> {
^bb0(%w: tensor<32xf32>):
  // expected-error @+1 {{cannot stand in a tok.weight: expects ops that work row by row, such as tok.dequantize}}
  %0 = arith.mulf %w, %w : tensor<32xf32>
  tok.yield %0 : tensor<32xf32>
}

// -----

//===----------------------------------------------------------------------===//
// Families
//===----------------------------------------------------------------------===//

// expected-error @+1 {{expects @s to be a tok.weight}}
tok.weight @w : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @s {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}

// -----

tok.weight @s layers = [0] : tensor<32xf32> = source "m.gguf" at [0]
// expected-error @+1 {{has no layers, so it expects @s to have none}}
tok.weight @w : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @s {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}

// -----

// expected-note @+1 {{the family has no such member}}
tok.weight @s layers = [0, 2] : tensor<32xf32> = source "m.gguf" at [0, 1]
// expected-error @+1 {{expects @s to have layer 1}}
tok.weight @w layers = [0-1] : tensor<32xf32> = source "m.gguf" at [0, 1] : tensor<32xf32> with @s {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}

// -----

// expected-error @+1 {{is computed from itself}}
tok.weight @w : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}

// -----

// expected-error @+1 {{is computed from itself}}
tok.weight @a : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @b {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}
tok.weight @b : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @a {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}

// -----

// One more than are evaluated.
tok.weight @w0 : tensor<32xf32> = source "m.gguf" at [0]
tok.weight @w1 : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w0 {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}
tok.weight @w2 : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w1 {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}
tok.weight @w3 : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w2 {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}
tok.weight @w4 : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w3 {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}
tok.weight @w5 : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w4 {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}
tok.weight @w6 : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w5 {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}
tok.weight @w7 : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w6 {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}
tok.weight @w8 : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w7 {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}
tok.weight @w9 : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w8 {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}
tok.weight @w10 : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w9 {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}
tok.weight @w11 : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w10 {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}
tok.weight @w12 : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w11 {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}
tok.weight @w13 : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w12 {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}
tok.weight @w14 : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w13 {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}
tok.weight @w15 : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w14 {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}
tok.weight @w16 : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w15 {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}
tok.weight @w17 : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w16 {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}
tok.weight @w18 : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w17 {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}
tok.weight @w19 : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w18 {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}
tok.weight @w20 : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w19 {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}
tok.weight @w21 : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w20 {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}
tok.weight @w22 : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w21 {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}
tok.weight @w23 : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w22 {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}
tok.weight @w24 : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w23 {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}
tok.weight @w25 : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w24 {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}
tok.weight @w26 : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w25 {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}
tok.weight @w27 : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w26 {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}
tok.weight @w28 : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w27 {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}
tok.weight @w29 : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w28 {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}
tok.weight @w30 : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w29 {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}
tok.weight @w31 : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w30 {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}
// expected-error @+1 {{expects at most 32 weights that are computed one from another}}
tok.weight @w32 : tensor<32xf32> = source "m.gguf" at [0] : tensor<32xf32> with @w31 {
^bb0(%w: tensor<32xf32>, %s: tensor<32xf32>):
  tok.yield %s : tensor<32xf32>
}

// -----

//===----------------------------------------------------------------------===//
// The ops
//===----------------------------------------------------------------------===//

func.func @f(%x: tensor<2x256xf32>) {
  // expected-error @+1 {{has no definition for '!tok.q4_k', whose scales are found by a search; expects f32, f16, q8_0, q5_0, q4_1 or q4_0, or a file that a quantizer wrote and 'source' reads}}
  %0 = tok.quantize %x -> tensor<2x256x!tok.q4_k>
  return
}

// -----

func.func @f(%x: tensor<2x256xf32>) {
  // expected-error @+1 {{has no definition for '!tok.q6_k'}}
  %0 = tok.quantize %x -> tensor<2x256x!tok.q6_k>
  return
}

// -----

func.func @f(%x: tensor<2x48xf32>) {
  // expected-error @+1 {{expects rows of a multiple of 32 values, but got 48}}
  %0 = tok.quantize %x -> tensor<2x48x!tok.q8_0>
  return
}

// -----

func.func @f(%x: tensor<2x48x!tok.q4_0>) {
  // expected-error @+1 {{expects rows of a multiple of 32 values, but got 48}}
  %0 = tok.dequantize %x : tensor<2x48x!tok.q4_0>
  return
}

// -----

func.func @f(%x: tensor<2x?xf16>) {
  // expected-error @+1 {{expects a static number of columns, but got 'tensor<2x?xf16>'}}
  %0 = tok.dequantize %x : tensor<2x?xf16>
  return
}

// -----

func.func @f(%x: tensor<2x?xf32>, %s: tensor<?xf32>) {
  // expected-error @+1 {{expects a static number of columns, but got 'tensor<2x?xf32>'}}
  %0 = tok.scale_columns %x, %s : tensor<2x?xf32>
  return
}

// -----

func.func @f(%x: tensor<2x32xf64>) {
  // expected-error @+1 {{'input' must be a vector or matrix of a weight format, bf16, f16 or f32, but got 'tensor<2x32xf64>'}}
  %0 = tok.dequantize %x : tensor<2x32xf64>
  return
}

// -----

func.func @f(%x: tensor<2x2x32xf16>) {
  // expected-error @+1 {{'input' must be a vector or matrix of a weight format, bf16, f16 or f32, but got 'tensor<2x2x32xf16>'}}
  %0 = tok.dequantize %x : tensor<2x2x32xf16>
  return
}

// -----

func.func @f(%x: tensor<2x32xf32>) {
  // expected-error @+1 {{'input' has the shape of 'output' and elements of f32}}
  %0 = "tok.quantize"(%x) : (tensor<2x32xf32>) -> tensor<3x32x!tok.q8_0>
  return
}

// -----

func.func @f(%x: tensor<2x32xf32>, %s: tensor<16xf32>) {
  // expected-error @+1 {{'scale' has an f32 for each column of 'input'}}
  %0 = "tok.scale_columns"(%x, %s) : (tensor<2x32xf32>, tensor<16xf32>) -> tensor<2x32xf32>
  return
}
