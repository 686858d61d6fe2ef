//===- RowOps.td - What happens to each row alone ----------*- tablegen -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOK_ROWOPS_TD
#define TOK_ROWOPS_TD

include "dialects/Tok/OpBase.td"

def Tok_EmbedOp : Tok_WeightUserOp<"embed", [Pure, Tok_SameRows<["ids", "output"]>]> {
  let summary = "gathers the embedding of each token";
  let description = [{
    `output[t, :] = dequantize(weight[ids[t], :]) * scale`. An id outside the
    vocabulary is undefined; the runtime refuses it at submission. The weight has
    a row for every token of the module's `tok.model`, if it has one.

    Example:

    ```mlir
    tok.weight @token_embd : tensor<64x96x!tok.q8_0> = source "m.gguf" at [0]
    func.func @f(%ids: tensor<?xi32>) -> tensor<?x96xf32> {
      %x = tok.embed %ids, @token_embd : tensor<?xi32> -> tensor<?x96xf32>
      return %x : tensor<?x96xf32>
    }
    ```
  }];
  let arguments = (ins Tok_IdsTensor:$ids, FlatSymbolRefAttr:$weight,
    DefaultValuedAttr<F32Attr, "1.0f">:$scale);
  let results = (outs Tok_RowsTensor:$output);
  let assemblyFormat = "$ids `,` $weight attr-dict `:` type($ids) `->` type($output)";
  let hasVerifier = 1;
  let hasCanonicalizeMethod = 1;
}

def Tok_NormOp : Tok_WeightUserOp<"norm", [Pure, AllTypesMatch<["input", "output"]>]> {
  let summary = "rms or layer norm over the last dimension";
  let description = [{
    `rms`: `x / sqrt(mean(x^2) + eps) * w`; `layer`: `(x - mean(x)) / sqrt(mean((x - mean(x))^2)
    + eps) * w + bias`. On a `T x H x D` input each head is normalized alone and
    the weight has D elements.

    Example:

    ```mlir
    tok.weight @attn_norm layers = [0-1] : tensor<96xf32> = source "m.gguf" at [0, 384]
    func.func @f(%x: tensor<?x96xf32>) -> tensor<?x96xf32> {
      %l = arith.constant 1 : index
      %n = tok.norm %x, @attn_norm[%l] rms eps = 1.0e-5 : tensor<?x96xf32>
      return %n : tensor<?x96xf32>
    }
    ```
  }];
  let arguments = (ins Tok_AnyRowsTensor:$input, FlatSymbolRefAttr:$weight,
    OptionalAttr<FlatSymbolRefAttr>:$bias, Optional<Index>:$layer,
    EnumProp<Tok_NormKind>:$kind, F32Attr:$eps);
  let results = (outs Tok_AnyRowsTensor:$output);
  let assemblyFormat = [{
    $input `,` $weight (`[` $layer^ `]`)? (`bias` $bias^)? $kind `eps` `=` $eps
    attr-dict `:` type($input)
  }];
  let hasVerifier = 1;
}

def Tok_LinearOp : Tok_WeightUserOp<"linear", [Pure, Tok_SameRows<["input", "output"]>]> {
  let summary = "x times the transpose of a weight, plus a bias";
  let description = [{
    `output[t, n] = sum_k input[t, k] * weight[n, k] (+ bias[n])`, k ascending. A
    `T x H x D` input is read as `T x H*D`; a `T x H x D` output splits the N
    outputs into heads. `compute` says how the input is rounded before the
    product; absent means not at all.

    Example:

    ```mlir
    tok.weight @attn_q layers = [0-1] : tensor<96x96x!tok.q4_1> = source "m.gguf" at [0, 5760]
    func.func @f(%x: tensor<?x96xf32>) -> tensor<?x3x32xf32> {
      %l = arith.constant 1 : index
      %q = tok.linear %x, @attn_q[%l] compute = <i8, block = 32>
          : tensor<?x96xf32> -> tensor<?x3x32xf32>
      return %q : tensor<?x3x32xf32>
    }
    ```
  }];
  let arguments = (ins Tok_AnyRowsTensor:$input, FlatSymbolRefAttr:$weight,
    OptionalAttr<FlatSymbolRefAttr>:$bias, Optional<Index>:$layer,
    OptionalAttr<Tok_ComputeAttr>:$compute);
  let results = (outs Tok_AnyRowsTensor:$output);
  let assemblyFormat = [{
    $input `,` $weight (`[` $layer^ `]`)? (`bias` $bias^)? (`compute` `=` $compute^)?
    attr-dict `:` type($input) `->` type($output)
  }];
  let hasVerifier = 1;
}

def Tok_RopeOp : Tok_Op<"rope", [Pure, AllTypesMatch<["input", "output"]>]> {
  let summary = "rotates pairs of a head by an angle that grows with the position";
  let description = [{
    For pair i of the first `dims` elements of each head, with the angle
    `a = pos * base^(-2i / dims)`:
    `(x, y) -> (x cos a - y sin a, x sin a + y cos a)`. The angle is computed and
    reduced in f64, its cosine and sine are rounded to f32. Elements from `dims`
    on pass unchanged. Source: Su et al., RoFormer, section 3.2.2.

    Example:

    ```mlir
    func.func @f(%q: tensor<?x3x32xf32>, %rows: !tok.rows<pos, seq>) -> tensor<?x3x32xf32> {
      %r = tok.rope %q, %rows adjacent base = 1.0e4 dims = 32
          : tensor<?x3x32xf32>, !tok.rows<pos, seq>
      return %r : tensor<?x3x32xf32>
    }
    ```
  }];
  let arguments = (ins Tok_HeadsTensor:$input, Tok_Rows:$rows, EnumProp<Tok_RopePairs>:$pairs,
    F64Attr:$base, I64Attr:$dims);
  let results = (outs Tok_HeadsTensor:$output);
  let assemblyFormat = [{
    $input `,` $rows $pairs `base` `=` $base `dims` `=` $dims attr-dict
    `:` type($input) `,` type($rows)
  }];
  let hasVerifier = 1;
}

def Tok_GatedOp : Tok_Op<"gated", [Pure, AllTypesMatch<["gate", "up", "output"]>]> {
  let summary = "activation of a gate times a value";
  let description = [{
    `output = activation(gate) * up`, element by element. `silu(x) = x / (1 + exp(-x))`.
    Source: Shazeer, GLU Variants Improve Transformer.

    Example:

    ```mlir
    func.func @f(%g: tensor<?x160xf32>, %u: tensor<?x160xf32>) -> tensor<?x160xf32> {
      %h = tok.gated %g, %u silu : tensor<?x160xf32>
      return %h : tensor<?x160xf32>
    }
    ```
  }];
  let arguments = (ins Tok_RowsTensor:$gate, Tok_RowsTensor:$up, EnumProp<Tok_Activation>:$activation);
  let results = (outs Tok_RowsTensor:$output);
  let assemblyFormat = "$gate `,` $up $activation attr-dict `:` type($gate)";
}

def Tok_TakeOp : Tok_Op<"take", [Pure]> {
  let summary = "gathers rows";
  let description = [{
    `output[o, :] = input[indices[o], :]`, and with `rows` their columns too.

    Example:

    ```mlir
    func.func @f(%y: tensor<?x96xf32>, %out: tensor<?xi32>) -> tensor<?x96xf32> {
      %z = tok.take %y, %out : tensor<?x96xf32>, tensor<?xi32>
      return %z : tensor<?x96xf32>
    }
    ```
  }];
  let arguments = (ins Tok_RowsTensor:$input, Tok_IdsTensor:$indices, Optional<Tok_Rows>:$rows);
  let results = (outs Tok_RowsTensor:$output, Optional<Tok_Rows>:$outputRows);
  let assemblyFormat = [{
    $input `,` $indices (`,` $rows^)? attr-dict `:` type($input) `,` type($indices)
    (`,` type($rows)^)? custom<TakeResults>(ref(type($input)), ref(type($indices)), ref(type($rows)),
                                            type($output), type($outputRows))
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizeMethod = 1;
}

#endif // TOK_ROWOPS_TD
