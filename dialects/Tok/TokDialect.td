//===- TokDialect.td - The tok dialect ---------------------*- tablegen -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Base definitions of the tok dialect: the dialect itself and the class every
// tok op derives from.
//
//===----------------------------------------------------------------------===//

#ifndef TOK_TOKDIALECT_TD
#define TOK_TOKDIALECT_TD

include "mlir/IR/OpBase.td"

def Tok_Dialect : Dialect {
  let name = "tok";
  let cppNamespace = "::tokopt::tok";
  let summary = "Token-level operations of large language model inference";
  let description = [{
    The `tok` dialect says what a language model does to the *rows* of one
    step: packed tokens of many requests, prompt chunks and single decodes
    alike. Weights are families computed from ranges of a file, the cache is a
    value with a type, layers are kinds that a stack applies, and every op on
    values has a decomposition to upstream dialects that is its definition.

    Letters used for shapes: `T` rows of the step, `O` rows that ask for
    logits, `W` width of the residual stream, `K` inputs and `N` outputs of a
    linear, `H` query heads, `G` key/value heads, `D` head size, `V` vocabulary.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let extraClassDeclaration = [{
    void registerTypes();
    void registerAttributes();
  }];
}

class Tok_Op<string mnemonic, list<Trait> traits = []>
    : Op<Tok_Dialect, mnemonic, traits>;

#endif // TOK_TOKDIALECT_TD
