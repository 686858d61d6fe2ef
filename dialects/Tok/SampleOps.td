//===- SampleOps.td - From logits to a token ---------------*- tablegen -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOK_SAMPLEOPS_TD
#define TOK_SAMPLEOPS_TD

include "dialects/Tok/OpBase.td"

def Tok_SampleOp : Tok_Op<"sample", [
    Pure, Tok_SameRows<["logits", "params", "seeds", "tokens"]>]> {
  let summary = "draws a token from each row of logits";
  let description = [{
    `params[o]` holds temperature, top_k, top_p, min_p; `seeds[o]` seed and
    counter. Temperature 0 takes the largest logit, the lowest id among equals.
    Otherwise, with `p = softmax(logits / temperature)`, candidates are the ids
    whose logit is among the `top_k` largest values (0: all; equal values stay
    together), then those with `p >= min_p * max p`, then the smallest set of
    largest p whose mass reaches `top_p` of what is left. The draw is
    `u = mix(seed, counter)` in [0, 1): the first candidate in ascending id whose
    running mass exceeds `u * total`. `mix` is the finalizer of SplitMix64
    (Steele, Lea, Flood 2014) over `seed + (counter + 1) * 0x9E3779B97F4A7C15`, so a
    draw depends on nothing but the request.

    Example:

    ```mlir
    func.func @f(%z: tensor<?x64xf32>, %p: tensor<?x4xf32>, %s: tensor<?x2xi64>) -> tensor<?xi32> {
      %t = tok.sample %z, %p, %s : tensor<?x64xf32>, tensor<?x4xf32>, tensor<?x2xi64> -> tensor<?xi32>
      return %t : tensor<?xi32>
    }
    ```
  }];
  let arguments = (ins Tok_RowsTensor:$logits, 2DTensorOf<[F32]>:$params, 2DTensorOf<[I64]>:$seeds);
  let results = (outs Tok_IdsTensor:$tokens);
  let assemblyFormat = [{
    $logits `,` $params `,` $seeds attr-dict
    `:` type($logits) `,` type($params) `,` type($seeds) `->` type($tokens)
  }];
  let hasVerifier = 1;
}

#endif // TOK_SAMPLEOPS_TD
