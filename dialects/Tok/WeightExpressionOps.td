//===- WeightExpressionOps.td - What weights are computed by -*- tablegen -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Ops on whole weights. They are ops on values as any other; those that
// implement WeightExpressionInterface may also stand in the region of a
// tok.weight, where the bundler evaluates them.
//
//===----------------------------------------------------------------------===//

#ifndef TOK_WEIGHTEXPRESSIONOPS_TD
#define TOK_WEIGHTEXPRESSIONOPS_TD

include "dialects/Tok/OpBase.td"

/// A weight in some format. Rows may be dynamic, columns are static.
def Tok_StoredTensor : Type<
    And<[IsRankedTensorTypePred,
         CPred<"::tokopt::tok::isWeightElement(::llvm::cast<::mlir::RankedTensorType>($_self).getElementType())">,
         HasAnyRankOfPred<[1, 2]>]>,
    "a vector or matrix of a weight format, bf16, f16 or f32", "::mlir::RankedTensorType">;
/// The same as plain numbers.
def Tok_PlainTensor : AnyTypeOf<[1DTensorOf<[F32]>, 2DTensorOf<[F32]>], "a vector or matrix of f32",
                                "::mlir::RankedTensorType">;

class Tok_WeightExpressionOp<string mnemonic, list<Trait> traits = []>
    : Tok_Op<mnemonic, !listconcat([Pure, Tok_WeightExpressionInterface], traits)>;

/// `plain` has the shape of `stored` and elements of f32.
class Tok_PlainOf<string stored, string plain>
    : TypesMatchWith<"'" # plain # "' has the shape of '" # stored # "' and elements of f32", stored, plain,
                     "::tokopt::tok::getPlainType($_self)">;

def Tok_DequantizeOp : Tok_WeightExpressionOp<"dequantize", [Tok_PlainOf<"input", "output">]> {
  let summary = "the values of a weight as f32";
  let description = [{
    `output[r, c]` is the value of `input[r, c]`: what the format's type says,
    the extension of an f16 or bf16, an f32 itself. No value of a format needs rounding,
    but for the difference in `q4_k` and the sum in `q4_1`, which are rounded
    once. Exact on every format; any bytes are valid.

    Example:

    ```mlir
    func.func @f(%w: tensor<64x96x!tok.q4_1>) -> tensor<64x96xf32> {
      %d = tok.dequantize %w : tensor<64x96x!tok.q4_1>
      return %d : tensor<64x96xf32>
    }
    ```
  }];
  let arguments = (ins Tok_StoredTensor:$input);
  let results = (outs Tok_PlainTensor:$output);
  let assemblyFormat = "$input attr-dict `:` type($input)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Tok_QuantizeOp : Tok_WeightExpressionOp<"quantize", [Tok_PlainOf<"output", "input">]> {
  let summary = "f32 values in the nearest numbers of a format";
  let description = [{
    Rounds each block of a row as the reference quantizer of GGUF does, with `x`
    the block's 32 values:

    | format | scale | stored number |
    |---|---|---|
    | `f32` | | x itself |
    | `f16`, `bf16` | | x, half to even |
    | `q8_0` | `d = max abs(x) / 127` | `round(x * i)`, half away from zero |
    | `q4_0` | `d = e / -8` | `min(15, trunc(x * i + 8.5))` |
    | `q5_0` | `d = e / -16` | `min(31, trunc(x * i + 16.5))` |
    | `q4_1` | `d = (max x - m) / 15, m = min x` | `min(15, trunc((x - m) * i + 0.5))` |

    `e` is the first x of the largest magnitude, with its sign. `i = 1 / d`, or 0
    where `abs(d) < 2^-125`. Every step is one f32 operation with its own
    rounding; `d` and `m` are stored as f16, half to even, while `i` is that of
    the f32. A magnitude below 2^-125 reads as a zero of its sign, as does one
    of `x - m`: so the result is the same whether or not the machine flushes
    denormals.

    A NaN, an infinity, or a value, `d` or `m` beyond f16's 65504 (a value beyond
    bf16's largest) has no number in these formats but `f32`: on a value the result is undefined, in a
    `tok.weight` the bundler refuses it by name.

    `q4_k` and `q6_k` are refused: their scales are found by a search, which is
    an algorithm and not a definition.

    Example:

    ```mlir
    func.func @f(%x: tensor<64x96xf32>) -> tensor<64x96x!tok.q8_0> {
      %q = tok.quantize %x -> tensor<64x96x!tok.q8_0>
      return %q : tensor<64x96x!tok.q8_0>
    }
    ```
  }];
  let arguments = (ins Tok_PlainTensor:$input);
  let results = (outs Tok_StoredTensor:$output);
  let assemblyFormat = "$input attr-dict `->` type($output)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Tok_ScaleColumnsOp : Tok_WeightExpressionOp<"scale_columns", [
    AllTypesMatch<["input", "output"]>,
    TypesMatchWith<"'scale' has an f32 for each column of 'input'", "input", "scale",
                   "::tokopt::tok::getColumnsType($_self)">]> {
  let summary = "each column of a matrix times a number";
  let description = [{
    `output[r, c] = input[r, c] * scale[c]`, rounded once. A factor or a product
    of a magnitude below 2^-125 is a zero of its sign, as in `tok.quantize`.

    Example:

    ```mlir
    func.func @f(%x: tensor<64x96xf32>, %s: tensor<96xf32>) -> tensor<64x96xf32> {
      %y = tok.scale_columns %x, %s : tensor<64x96xf32>
      return %y : tensor<64x96xf32>
    }
    ```
  }];
  let arguments = (ins 2DTensorOf<[F32]>:$input, 1DTensorOf<[F32]>:$scale);
  let results = (outs 2DTensorOf<[F32]>:$output);
  let assemblyFormat = "$input `,` $scale attr-dict `:` type($input)";
  let hasVerifier = 1;
}

#endif // TOK_WEIGHTEXPRESSIONOPS_TD
