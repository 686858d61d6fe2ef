//===- WeightOps.td - Families of weights ------------------*- tablegen -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOK_WEIGHTOPS_TD
#define TOK_WEIGHTOPS_TD

include "dialects/Tok/OpBase.td"

def Tok_WeightOp : Tok_Op<"weight", [
    Symbol, IsolatedFromAbove, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a family of weights: one tensor a layer, read from a file or computed from it";
  let description = [{
    Declares a weight by where its bytes stand. With `layers`, it is a family:
    member i belongs to `layers[i]` and starts at `offsets[i]`. All members have
    one type. Data never stands in the IR. `image` is where lowering has decided
    that each member lies in the bundle's weights.

    A weight may be an expression of what the file holds: then `source` has a
    type of its own, and a region computes a member from it. The region's first
    argument is the member as it stands in the file; the others are the members
    of the families after `with`, of the same layer (a weight without layers is
    one for all). Only ops that work row by row (`WeightExpressionInterface`)
    may stand there, and it ends in `tok.yield` with one value of the weight's
    type. Whoever reads the weight sees that type alone: the bundler evaluates
    the expression while it writes the bundle, a few rows at a time.

    A weight that only expressions read has no place in the bundle.

    Example:

    ```mlir
    tok.weight @attn_q layers = [0-1] : tensor<96x96x!tok.q4_1> = source "m.gguf" at [4096, 9856]
    tok.weight @output_norm : tensor<96xf32> = source "m.gguf" at [20000]
    tok.weight @act_scale layers = [0-1] : tensor<96xf32> = source "scales.gguf" at [0, 384]
    tok.weight @ffn_up layers = [0-1] : tensor<160x96x!tok.q8_0>
        = source "m.gguf" at [30016, 39616] : tensor<160x96x!tok.q4_1> with @act_scale {
    ^bb0(%w: tensor<160x96x!tok.q4_1>, %s: tensor<96xf32>):
      %d = tok.dequantize %w : tensor<160x96x!tok.q4_1>
      %e = tok.scale_columns %d, %s : tensor<160x96xf32>
      %q = tok.quantize %e -> tensor<160x96x!tok.q8_0>
      tok.yield %q : tensor<160x96x!tok.q8_0>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, OptionalAttr<DenseI64ArrayAttr>:$layers,
    TypeAttrOf<AnyRankedTensor>:$type, StrAttr:$file, DenseI64ArrayAttr:$offsets,
    OptionalAttr<TypeAttrOf<AnyRankedTensor>>:$source_type,
    OptionalAttr<FlatSymbolRefArrayAttr>:$families, OptionalAttr<DenseI64ArrayAttr>:$image);
  let regions = (region MaxSizedRegion<1>:$expression);
  let assemblyFormat = [{
    $sym_name (`layers` `=` custom<LayerList>($layers)^)? `:` $type
    `=` `source` $file `at` $offsets (`:` $source_type^)? (`with` custom<FamilyList>($families)^)?
    (`image` $image^)? attr-dict-with-keyword ($expression^)?
  }];
  let builders = [
    // A weight as it stands in a file.
    OpBuilder<(ins "::llvm::StringRef":$name, "::mlir::DenseI64ArrayAttr":$layers,
                   "::mlir::RankedTensorType":$type, "::llvm::StringRef":$file,
                   "::llvm::ArrayRef<int64_t>":$offsets)>
  ];
  let extraClassDeclaration = [{
    ::mlir::RankedTensorType getTensorType() { return ::llvm::cast<::mlir::RankedTensorType>(getType()); }
    /// The type of a member in the model file.
    ::mlir::RankedTensorType getSourceTensorType();
    /// Bytes of one member, in the format of the weight.
    int64_t getMemberBytes();
    /// Bytes of one member in the model file.
    int64_t getSourceBytes();
    /// The member of `layer` (any layer, when the weight is not a family), or -1.
    int64_t getMember(int64_t layer);
    /// Whether it is computed from what the file holds.
    bool hasExpression() { return !getExpression().empty(); }
    /// The block that computes it; one that gives the source as it is, if there was none. A pass edits the weight
    /// there and then sets its type to that of what is yielded.
    ::mlir::Block &getOrAddExpression(::mlir::OpBuilder &builder);
    /// The families whose members the expression reads, in the order of its arguments.
    ::llvm::SmallVector<::mlir::FlatSymbolRefAttr> getFamilySymbols();
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let hasCanonicalizeMethod = 1;
}

#endif // TOK_WEIGHTOPS_TD
