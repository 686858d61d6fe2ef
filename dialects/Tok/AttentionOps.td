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
    Pure, AttrSizedResultSegments, Tok_SameRows<["query", "output"]>,
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

    Optional results, each after its name: `lse` `[T, H]`, the log of the sum of exponentials;
    `key_mass` `[S]`, the column sums of p; `window_probs` `[T, H, S]`.

    Example:

    ```mlir
    !kv = !tok.cache<layers = [0-1], heads = 1, k = 32 x f32, v = 32 x f32, page = 64,
        keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared,
        columns = [pos], digests = []>
    func.func @f(%q: tensor<?x3x32xf32>, %kv: !kv, %l: index, %rows: !tok.rows<pos, seq>)
        -> tensor<?x3x32xf32> {
      %a = tok.attention %q, %kv[%l], %rows mask = <lane(step = pos)> scale = 0.125
          : tensor<?x3x32xf32>, !kv, !tok.rows<pos, seq> -> tensor<?x3x32xf32>
      return %a : tensor<?x3x32xf32>
    }
    ```
  }];
  let arguments = (ins Tok_HeadsTensor:$query, Tok_Cache:$cache, Index:$layer, Tok_Rows:$rows,
    Tok_MaskAttr:$mask, F32Attr:$scale);
  let results = (outs Tok_HeadsTensor:$output, Optional<2DTensorOf<[F32]>>:$lse,
    Optional<1DTensorOf<[F32]>>:$keyMass, Optional<3DTensorOf<[F32]>>:$windowProbs);
  let assemblyFormat = [{
    $query `,` $cache `[` $layer `]` `,` $rows `mask` `=` $mask `scale` `=` $scale attr-dict
    `:` type($query) `,` type($cache) `,` type($rows) `->` type($output)
    (`lse` type($lse)^)? (`key_mass` type($keyMass)^)? (`window_probs` type($windowProbs)^)?
  }];
  let hasVerifier = 1;
  let hasCanonicalizeMethod = 1;
}

#endif // TOK_ATTENTIONOPS_TD
