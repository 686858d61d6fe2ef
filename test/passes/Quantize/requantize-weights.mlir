// RUN: tokopt-opt %s --split-input-file --tok-requantize-weights --remarks-filter=.* --verify-diagnostics | FileCheck %s
// RUN: tokopt-opt %s --split-input-file --tok-requantize-weights --tok-requantize-weights | FileCheck %s
// RUN: tokopt-opt %s --split-input-file --tok-requantize-weights=format=f32 | FileCheck %s --check-prefix=NEUTRAL
// RUN: tokopt-opt %s --split-input-file '--tok-requantize-weights=format=f16 families=ffn_.*|token_embd' | FileCheck %s --check-prefix=SOME
// RUN: not tokopt-opt %s --split-input-file --tok-requantize-weights=format=q4_k 2>&1 | FileCheck %s --check-prefix=FORMAT
// RUN: not tokopt-opt %s --split-input-file --tok-requantize-weights=families=ffn[ 2>&1 | FileCheck %s --check-prefix=REGEX
// RUN: tokopt-opt %s --split-input-file --tok-requantize-weights=families=nothing -o /dev/null 2>&1 | FileCheck %s --check-prefix=NOTHING

// NOTHING: warning: tok-requantize-weights: found no weight called 'nothing', expected some of ffn_up, old_ffn_up
// FORMAT: expects format = f32, f16, q8_0, q5_0, q4_1 or q4_0, but got 'q4_k'
// REGEX: expects families to be a regular expression, but got 'ffn['

// CHECK:      tok.weight @ffn_up layers = [0-1] : tensor<160x96x!tok.q8_0> = source "m.gguf" at [0, 9600] : tensor<160x96x!tok.q4_1> {
// CHECK-NEXT: ^bb0(%[[W:.*]]: tensor<160x96x!tok.q4_1>):
// CHECK-NEXT:   %[[D:.*]] = tok.dequantize %[[W]] : tensor<160x96x!tok.q4_1>
// CHECK-NEXT:   %[[Q:.*]] = tok.quantize %[[D]] -> tensor<160x96x!tok.q8_0>
// CHECK-NEXT:   tok.yield %[[Q]] : tensor<160x96x!tok.q8_0>
// NEUTRAL:    tok.weight @ffn_up layers = [0-1] : tensor<160x96xf32> = source "m.gguf" at [0, 9600] : tensor<160x96x!tok.q4_1> {
// NEUTRAL:      tok.dequantize
// NEUTRAL:      tok.quantize %{{.*}} -> tensor<160x96xf32>
// SOME:       tok.weight @ffn_up layers = [0-1] : tensor<160x96xf16>
// expected-remark @below {{rounded the weight to q8_0}}
tok.weight @ffn_up layers = [0-1] : tensor<160x96x!tok.q4_1> = source "m.gguf" at [0, 9600]

// The whole name is compared.
// CHECK: tok.weight @old_ffn_up : tensor<160x96x!tok.q8_0>
// SOME:  tok.weight @old_ffn_up : tensor<160x96x!tok.q4_1> = source "m.gguf" at [0]{{$}}
// expected-remark @below {{rounded the weight to q8_0}}
tok.weight @old_ffn_up : tensor<160x96x!tok.q4_1> = source "m.gguf" at [0]

// CHECK: tok.weight @token_embd : tensor<300x96x!tok.q8_0> = source "m.gguf" at [0]{{$}}
// NEUTRAL: tok.weight @token_embd : tensor<300x96xf32>
// SOME: tok.weight @token_embd : tensor<300x96xf16>
// expected-remark @below {{the weight is in that format already}}
tok.weight @token_embd : tensor<300x96x!tok.q8_0> = source "m.gguf" at [0]

// CHECK: tok.weight @norm : tensor<96xf32> = source "m.gguf" at [0]{{$}}
// NEUTRAL: tok.weight @norm : tensor<96xf32> = source "m.gguf" at [0]{{$}}
// expected-remark @below {{the weight is a vector, which is read as f32}}
tok.weight @norm : tensor<96xf32> = source "m.gguf" at [0]

// CHECK: tok.weight @odd : tensor<8x40xf16> = source "m.gguf" at [0]{{$}}
// expected-remark @below {{the columns are no multiple of the format's block}}
tok.weight @odd : tensor<8x40xf16> = source "m.gguf" at [0]

// -----

// An expression is continued; what another weight is computed from stays what that one expects.
// CHECK: tok.weight @base : tensor<64x64xf16> = source "m.gguf" at [0]{{$}}
// expected-remark @below {{another weight is computed from it in its present format}}
tok.weight @base : tensor<64x64xf16> = source "m.gguf" at [0]
// CHECK:      tok.weight @scaled : tensor<64x64x!tok.q8_0> = source "m.gguf" at [0] : tensor<64xf32> with @base {
// CHECK:        tok.scale_columns
// CHECK-NEXT:   %[[F:.*]] = tok.quantize %{{.*}} -> tensor<64x64xf16>
// CHECK-NEXT:   %[[D:.*]] = tok.dequantize %[[F]] : tensor<64x64xf16>
// CHECK-NEXT:   tok.quantize %[[D]] -> tensor<64x64x!tok.q8_0>
// expected-remark @below {{rounded the weight to q8_0}}
tok.weight @scaled : tensor<64x64xf16> = source "m.gguf" at [0] : tensor<64xf32> with @base {
^bb0(%s: tensor<64xf32>, %w: tensor<64x64xf16>):
  %d = tok.dequantize %w : tensor<64x64xf16>
  %e = tok.scale_columns %d, %s : tensor<64x64xf32>
  %q = tok.quantize %e -> tensor<64x64xf16>
  tok.yield %q : tensor<64x64xf16>
}
