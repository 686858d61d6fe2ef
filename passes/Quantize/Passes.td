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

#endif // TOKOPT_PASSES_QUANTIZE_PASSES_TD
