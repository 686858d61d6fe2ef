//===- Passes.td - Smaller caches --------------------------*- tablegen -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_PASSES_CACHE_PASSES_TD
#define TOKOPT_PASSES_CACHE_PASSES_TD

include "passes/TokPass.td"

def QuantizeCachePass : TokPass<"tok-quantize-cache", Lossy<"format", "f32">> {
  let summary = "Store keys and values in fewer bits";
  let idempotent = 1;
  let description = [{
    Changes the element types of every `!tok.cache`: `f16` halves the bytes, `i8`
    quarters them, with a scale for each row and head. Nothing else changes;
    `tok.append` converts and `tok.attention` widens. Reports a `passed` remark for the module, or a
    `missed` one with the reason.

    Numerics: lossy. Knob `format`, neutral at `f32`.

    Before:

    ```mlir
    !kv = !tok.cache<layers = [0-1], heads = 3, k = 64 x f32, v = 64 x f32, page = 64, keys = post_rope,
        window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
    func.func @f(%kv: !kv) -> !kv {
      return %kv : !kv
    }
    ```

    After:

    ```mlir
    !kv = !tok.cache<layers = [0-1], heads = 3, k = 64 x f16, v = 64 x f16, page = 64, keys = post_rope,
        window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
    func.func @f(%kv: !kv) -> !kv {
      return %kv : !kv
    }
    ```
  }];
  let options = [
    Option<"format", "format", "std::string", /*default=*/"\"f16\"", "f16, i8, or f32">,
  ];
}

#endif // TOKOPT_PASSES_CACHE_PASSES_TD
