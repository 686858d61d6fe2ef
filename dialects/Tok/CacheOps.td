//===- CacheOps.td - The cache as a value ------------------*- tablegen -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOK_CACHEOPS_TD
#define TOK_CACHEOPS_TD

include "dialects/Tok/OpBase.td"

def Tok_AppendOp : Tok_Op<"append", [
    Pure, AllTypesMatch<["cache", "output"]>, Tok_SameRows<["key", "value"]>,
    DeclareOpInterfaceMethods<Tok_CacheUserInterface>]> {
  let summary = "writes the rows' keys and values to their slots of a layer";
  let description = [{
    Row t goes to slot `pos[t]` of sequence `seq[t]`, converted to the cache's
    element types (f16: round to nearest even; i8: per row and head,
    `d = max|x| / 127`). Consumes the cache.

    Example:

    ```mlir
    !kv = !tok.cache<layers = [0-1], heads = 1, k = 32 x f16, v = 32 x f16, page = 64,
        keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared,
        columns = [pos], digests = []>
    func.func @f(%kv: !kv, %rows: !tok.rows<pos, seq>, %k: tensor<?x1x32xf32>,
                 %v: tensor<?x1x32xf32>) -> !kv {
      %l = arith.constant 1 : index
      %kv1 = tok.append %kv[%l], %rows, %k, %v
          : !kv, !tok.rows<pos, seq>, tensor<?x1x32xf32>, tensor<?x1x32xf32>
      return %kv1 : !kv
    }
    ```
  }];
  let arguments = (ins Tok_Cache:$cache, Index:$layer, Tok_Rows:$rows,
    Tok_HeadsTensor:$key, Tok_HeadsTensor:$value);
  let results = (outs Tok_Cache:$output);
  let assemblyFormat = [{
    $cache `[` $layer `]` `,` $rows `,` $key `,` $value attr-dict
    `:` type($cache) `,` type($rows) `,` type($key) `,` type($value)
  }];
  let hasVerifier = 1;
}

#endif // TOK_CACHEOPS_TD
