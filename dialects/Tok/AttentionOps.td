//===- AttentionOps.td - Attention over the cache ----------*- tablegen -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOK_ATTENTIONOPS_TD
#define TOK_ATTENTIONOPS_TD

include "dialects/Tok/OpBase.td"

def Tok_AttentionOp : Tok_Op<"attention", [
    Pure, AttrSizedOperandSegments, AttrSizedResultSegments, Tok_SameRows<["query", "output"]>,
    DeclareOpInterfaceMethods<Tok_CacheUserInterface>]> {
  let summary = "softmax attention of rows over one layer of a cache";
  let description = [{
    For row t and query head h, over the cached rows j of the same sequence that
    the mask lets t see, with the key/value head `g = h / (H / G)`:
    `s[j] = scale * sum_d q[t, h, d] * k[g, j, d]`, `p = softmax(s)`,
    `output[t, h, :] = sum_j p[j] * v[g, j, :]`. Keys and values are read as the
    cache holds them, widened to f32.

    The reduction runs in blocks of 64 slots, 8 blocks make a segment with fresh
    accumulators, segments merge in ascending order: so a row's result does not
    depend on batch, chunk or split.

    Optional results, asked for by giving their types, each after its name:

    - `lse` `[T, H]`: `lse[t, h] = log sum_j exp(s[j])`, by which the outputs of parts
      of the slots can be merged.
    - `key_mass` `[N, H, S]`: what the rows of each sequence have looked at.
      `key_mass[n, h, j] = m[n, h, j] + sum_t p[t, h, j]` over the rows t whose
      column `seq` is n, one by one in the order of rows. The operand
      `key_mass(%m)` is the sum so far. A chunk goes on adding where the chunk
      before it stopped, so cutting a prompt into chunks changes no bit.
    - `window_probs` `[T, H, S]`: `window_probs[t, h, j] = p[j]`, and 0 where t does
      not see j. The operand `slots(%n)` is S. It grows with T times S: a pass that
      needs the last w queries gives this op those rows alone.

    S slots of row t are those of its own sequence: slot j holds position j, and
    what a shorter sequence does not have is left as it was, or 0. Every row's
    `seq` must be below N, and every slot that a row sees below S.

    Example:

    ```mlir
    !kv = !tok.cache<layers = [0-1], heads = 1, k = 32 x f32, v = 32 x f32, page = 64,
        keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared,
        columns = [pos], digests = []>
    func.func @f(%q: tensor<?x3x32xf32>, %kv: !kv, %rows: !tok.rows<pos, seq>)
        -> tensor<?x3x32xf32> {
      %l = arith.constant 1 : index
      %a = tok.attention %q, %kv[%l], %rows mask = <lane(step = pos)> scale = 0.125
          : tensor<?x3x32xf32>, !kv, !tok.rows<pos, seq> -> tensor<?x3x32xf32>
      return %a : tensor<?x3x32xf32>
    }
    func.func @look(%q: tensor<?x3x32xf32>, %kv: !kv, %rows: !tok.rows<pos, seq>,
                    %m: tensor<?x3x?xf32>, %n: index) -> (tensor<?x3x?xf32>, tensor<?x3x?xf32>) {
      %l = arith.constant 1 : index
      %a, %mass, %probs = tok.attention %q, %kv[%l], %rows
          mask = <lane(step = pos)> scale = 0.125
          key_mass(%m : tensor<?x3x?xf32>) slots(%n)
          : tensor<?x3x32xf32>, !kv, !tok.rows<pos, seq> -> tensor<?x3x32xf32>
            key_mass tensor<?x3x?xf32> window_probs tensor<?x3x?xf32>
      return %mass, %probs : tensor<?x3x?xf32>, tensor<?x3x?xf32>
    }
    ```
  }];
  let arguments = (ins Tok_HeadsTensor:$query, Tok_Cache:$cache, Index:$layer, Tok_Rows:$rows,
    Optional<3DTensorOf<[F32]>>:$massSoFar, Optional<Index>:$slots, Tok_MaskAttr:$mask, F32Attr:$scale);
  let results = (outs Tok_HeadsTensor:$output, Optional<2DTensorOf<[F32]>>:$lse,
    Optional<3DTensorOf<[F32]>>:$keyMass, Optional<3DTensorOf<[F32]>>:$windowProbs);
  let assemblyFormat = [{
    $query `,` $cache `[` $layer `]` `,` $rows `mask` `=` $mask `scale` `=` $scale
    (`key_mass` `(` $massSoFar^ `:` type($massSoFar) `)`)? (`slots` `(` $slots^ `)`)?
    attr-dict `:` type($query) `,` type($cache) `,` type($rows) `->` type($output)
    (`lse` type($lse)^)? (`key_mass` type($keyMass)^)? (`window_probs` type($windowProbs)^)?
  }];
  let hasVerifier = 1;
  let hasCanonicalizeMethod = 1;
}

#endif // TOK_ATTENTIONOPS_TD
