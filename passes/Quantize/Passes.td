//===- Passes.td - Fewer bits for activations and weights --*- tablegen -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_PASSES_QUANTIZE_PASSES_TD
#define TOKOPT_PASSES_QUANTIZE_PASSES_TD

include "passes/TokPass.td"

def QuantizeActivationsPass : TokPass<"tok-quantize-activations", Lossy<"format", "f32">> {
  let summary = "Round the inputs of linears to 8 bits in blocks of 32";
  let idempotent = 1;
  let description = [{
    Sets `compute` of every `tok.linear` whose weight is in a block format: the
    products become integer dot products, which is what makes CPUs fast here.
    Weights in f16 and f32 keep their f32 inputs. Reports a `passed` remark for
    each linear changed and a `missed` one with the reason for each other.

    Numerics: lossy. Knob `format`, neutral at `f32`.

    Before:

    ```mlir
    tok.weight @attn_q : tensor<96x96x!tok.q4_1> = source "m.gguf" at [0]
    func.func @f(%n: tensor<?x96xf32>) -> tensor<?x96xf32> {
      %q = tok.linear %n, @attn_q : tensor<?x96xf32> -> tensor<?x96xf32>
      return %q : tensor<?x96xf32>
    }
    ```

    After:

    ```mlir
    tok.weight @attn_q : tensor<96x96x!tok.q4_1> = source "m.gguf" at [0]
    func.func @f(%n: tensor<?x96xf32>) -> tensor<?x96xf32> {
      %q = tok.linear %n, @attn_q compute = <i8, block = 32> : tensor<?x96xf32> -> tensor<?x96xf32>
      return %q : tensor<?x96xf32>
    }
    ```
  }];
  let options = [
    Option<"format", "format", "std::string", /*default=*/"\"i8\"", "i8, or f32 to leave inputs whole">,
  ];
}

def RequantizeWeightsPass : TokPass<"tok-requantize-weights", Lossy<"format", "f32">> {
  let summary = "Round matrices to another weight format";
  let idempotent = 1;
  let description = [{
    Appends `tok.dequantize` and `tok.quantize` to the expression of each matrix
    whose family's name is `families` (a regular expression for the whole name),
    so that the bundler stores it in `format`. Rounding is to the nearest, block
    by block, as `tok.quantize` defines it. Vectors stay f32, and so does the
    format of what another weight is computed from. Reports a `passed` remark for
    each weight changed and a `missed` one with the reason for each other whose
    name matches.

    To be run before `tok-quantize-activations`, which goes by the formats of
    weights.

    Numerics: lossy. Knob `format`, neutral at `f32`: the values of every format
    are f32 numbers.

    Before:

    ```mlir
    tok.weight @attn_q layers = [0-1] : tensor<96x96x!tok.q4_1> = source "m.gguf" at [0, 5760]
    tok.weight @attn_norm layers = [0-1] : tensor<96xf32> = source "m.gguf" at [11520, 11904]
    ```

    After:

    ```mlir
    tok.weight @attn_q layers = [0-1] : tensor<96x96x!tok.q8_0>
        = source "m.gguf" at [0, 5760] : tensor<96x96x!tok.q4_1> {
    ^bb0(%w: tensor<96x96x!tok.q4_1>):
      %d = tok.dequantize %w : tensor<96x96x!tok.q4_1>
      %q = tok.quantize %d -> tensor<96x96x!tok.q8_0>
      tok.yield %q : tensor<96x96x!tok.q8_0>
    }
    tok.weight @attn_norm layers = [0-1] : tensor<96xf32> = source "m.gguf" at [11520, 11904]
    ```
  }];
  let options = [
    Option<"format", "format", "std::string", /*default=*/"\"q8_0\"",
           "f16, q8_0, q5_0, q4_1 or q4_0; or f32 to lose nothing">,
    Option<"families", "families", "std::string", /*default=*/"\".*\"",
           "Names of the families to round, as a regular expression">,
  ];
}

#endif // TOKOPT_PASSES_QUANTIZE_PASSES_TD
