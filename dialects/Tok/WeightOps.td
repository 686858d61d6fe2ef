//===- WeightOps.td - Families of weights ------------------*- tablegen -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOK_WEIGHTOPS_TD
#define TOK_WEIGHTOPS_TD

include "dialects/Tok/OpBase.td"

def Tok_WeightOp : Tok_Op<"weight", [Symbol]> {
  let summary = "a family of weights: one tensor a layer, read from a file";
  let description = [{
    Declares a weight by where its bytes stand. With `layers`, it is a family:
    member i belongs to `layers[i]` and starts at `offsets[i]`. All members have
    one type. Data never stands in the IR. `image` is where lowering has decided
    that each member lies in the bundle's weights.

    Example:

    ```mlir
    tok.weight @attn_q layers = [0-1] : tensor<96x96x!tok.q4_1> = source "m.gguf" at [4096, 9856]
    tok.weight @output_norm : tensor<96xf32> = source "m.gguf" at [20000]
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, OptionalAttr<DenseI64ArrayAttr>:$layers,
    TypeAttrOf<AnyRankedTensor>:$type, StrAttr:$file, DenseI64ArrayAttr:$offsets,
    OptionalAttr<DenseI64ArrayAttr>:$image);
  let assemblyFormat = [{
    $sym_name (`layers` `=` custom<LayerList>($layers)^)? `:` $type
    `=` `source` $file `at` $offsets (`image` $image^)? attr-dict
  }];
  let extraClassDeclaration = [{
    ::mlir::RankedTensorType getTensorType() { return ::llvm::cast<::mlir::RankedTensorType>(getType()); }
    /// Bytes of one member in the model file.
    int64_t getMemberBytes();
    /// The member of `layer` (any layer, when the weight is not a family), or -1.
    int64_t getMember(int64_t layer);
  }];
  let hasVerifier = 1;
}

#endif // TOK_WEIGHTOPS_TD
