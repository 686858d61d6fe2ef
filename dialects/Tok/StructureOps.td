//===- StructureOps.td - Layers as kinds that a stack applies -*- tablegen -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOK_STRUCTUREOPS_TD
#define TOK_STRUCTUREOPS_TD

include "dialects/Tok/OpBase.td"

def Tok_StackOp : Tok_Op<"stack", [
    DeclareOpInterfaceMethods<SymbolUserOpInterface>,
    AllTypesMatch<["input", "frontier", "output", "nextFrontier"]>]> {
  let summary = "applies layers, each of a kind, to the rows of a step";
  let description = [{
    Applies a table of `(kind, layer)` entries in order. A kind is a private
    `func.func` with the attribute `tok.kind` of type
    `(tensor<TxW>, rows, caches..., index) -> (tensor<TxW>, caches...)`; its
    last argument is the layer.

    The first `full_rows` rows pass every entry. The others pass entries
    `[begin, end)` only: they enter from `frontier` unless `begin` is 0, and
    leave to `nextFrontier` unless `end` is the number of entries. Rows of
    `output` that have not passed the last entry, and rows of `nextFrontier`
    that have, hold no meaning.

    A step has one range of layers and one frontier, and both the runtime and
    schedules count layers by the module's `tok.model`. So where the module has
    one, an entry has no other stack, and the stack has `layers` entries. To prune
    a layer, take its entry out and lower `layers`. An encoder or a drafter whose
    layers are others is a model of its own, in a module of its own. No stack
    stands in a kind.

    Example:

    ```mlir
    func.func private @decoder(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %l: index)
        -> tensor<?x8xf32> attributes {tok.kind} {
      return %x : tensor<?x8xf32>
    }
    func.func @step(%x: tensor<?x8xf32>, %rows: !tok.rows<pos, seq>, %n: index, %lo: index,
                    %hi: index, %f: tensor<?x8xf32>) -> tensor<?x8xf32> {
      %y, %g = tok.stack %x, %rows frontier(%f) rows(%n, %lo, %hi) [@decoder for 0-3]
          : tensor<?x8xf32>, !tok.rows<pos, seq>
      return %y : tensor<?x8xf32>
    }
    ```
  }];
  let arguments = (ins Tok_RowsTensor:$input, Tok_Rows:$rows, Variadic<Tok_Cache>:$caches,
    Tok_RowsTensor:$frontier, Index:$fullRows, Index:$begin, Index:$end,
    FlatSymbolRefArrayAttr:$kinds, DenseI64ArrayAttr:$kindOf, DenseI64ArrayAttr:$layers);
  let results = (outs Tok_RowsTensor:$output, Tok_RowsTensor:$nextFrontier,
    Variadic<Tok_Cache>:$nextCaches);
  let assemblyFormat = [{
    $input `,` $rows (`,` $caches^)? `frontier` `(` $frontier `)`
    `rows` `(` $fullRows `,` $begin `,` $end `)` custom<KindTable>($kinds, $kindOf, $layers)
    attr-dict `:` type($input) `,` type($rows) (`,` type($caches)^)?
    custom<CacheResults>(ref(type($caches)), type($nextCaches))
  }];
  let hasVerifier = 1;
  let hasCanonicalizeMethod = 1;
}

#endif // TOK_STRUCTUREOPS_TD
