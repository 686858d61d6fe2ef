//===- ProgramOps.td - Which kernel runs when, on which buffer -*- tablegen -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOK_PROGRAMOPS_TD
#define TOK_PROGRAMOPS_TD

include "dialects/Tok/OpBase.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"

def Tok_BufferOp : Tok_Op<"buffer", [MemoryEffects<[MemAlloc]>]> {
  let summary = "an activation buffer of the step's workspace";
  let description = [{
    `T x N` values, rows padded to a multiple of 64 bytes. `offset` is the
    buffer's place among the bytes of one row of the workspace; the pass
    `tok-plan-buffers` sets it, reusing the place of buffers that are dead.

    With `worker_rows`, every worker has a buffer of its own, of at most so many
    rows, which no other worker reads; `offset` is then its place in the
    worker's scratch.

    Example:

    ```mlir
    func.func @f() {
      %x = tok.buffer : memref<?x96xf32>
      %y = tok.buffer worker_rows = 4 : memref<?x144xi8>
      return
    }
    ```
  }];
  let arguments = (ins OptionalAttr<I64Attr>:$workerRows, OptionalAttr<I64Attr>:$offset);
  let results = (outs AnyMemRef:$memref);
  let assemblyFormat = "(`worker_rows` `=` $workerRows^)? (`at` $offset^)? attr-dict `:` type($memref)";
  let extraClassDeclaration = [{
    ::mlir::MemRefType getBufferType() { return ::llvm::cast<::mlir::MemRefType>(getMemref().getType()); }
    /// Bytes of one row, a multiple of 64.
    int64_t getRowBytes();
  }];
  let hasVerifier = 1;
}

def Tok_BarrierOp : Tok_Op<"barrier", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "waits until every worker has arrived";
  let description = [{
    What was written before is visible after. `tok-insert-barriers` places them.

    Example:

    ```mlir
    func.func @f() {
      tok.barrier
      return
    }
    ```
  }];
  let assemblyFormat = "attr-dict";
}

def Tok_KernelOp : Tok_Op<"kernel", [
    AttrSizedOperandSegments, DeclareOpInterfaceMethods<SymbolUserOpInterface>,
    MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "one kernel of a family over a range of rows";
  let description = [{
    All workers run it, each on its share. Families:

    | family | inputs | outputs | regions |
    |---|---|---|---|
    | `embed` | ids | x | - |
    | `angles` | rows | cosines and signed sines `[T, 2D]` | - |
    | `rowwise` | values `[T, N]` (and an index column when `gather`) | values, quantized rows or the cache | `prologue`: one element of a row |
    | `linear` | one input, then values for the epilogue | values | `epilogue`: one output element |
    | `attention` | q, cache | values, and `lse` `[T, H]` where it is asked for | - |
    | `sample` | logits, params, seeds | tokens | - |

    Regions hold scalar `arith` and `math` ops, which a template clones on
    vectors, and `tok.reduce_row` and `tok.partner`. `config` holds what the cost
    model chose and the ops' own numbers, which the verifier asks for:

    | family | config |
    |---|---|
    | `embed` | `columns`, `scale` |
    | `angles` | `base`, `dims`, `head`, `pairs` (`adjacent`, `halves`) |
    | `rowwise` | `columns`; `group`: sums and weights are of so many columns each; `gather`: the last input holds the row to read; `replicated`: every worker computes all rows; `angles`: the input that holds angles, of a `head`; `cache` and `side` (`k`, `v`) when it writes one |
    | `linear` | `matrices`, `inputs`, `outputs`, `compute` (`f32`, `i8`, `f16`, `bf16`): what the input was rounded to when it was written |
    | `attention` | `heads`, `scale`, `window` (0 for none), `cache`, `context` (positions of the longest sequence); `full`: rows see what comes after them, to their sequence's last row; `compute` (`f32` where it is left out, `f16`, `bf16`): what queries, and weights before they meet values, are rounded to |
    | `sample` | `vocab` |

    `names` says which value of the model each output holds (`nameValues`): empty for
    what is no value of it, such as a cache or a copy. Instrumentation reads them, no template does.

    Example:

    ```mlir
    tok.weight @norm : tensor<96xf32> = source "m.gguf" at [0]
    func.func @f(%x: memref<?x96xf32>, %y: memref<?x96xf32>, %b: index, %e: index) {
      tok.kernel "rowwise" rows(%b to %e) weights [@norm] ins(%x : memref<?x96xf32>)
          outs(%y : memref<?x96xf32>) {columns = 96} prologue {
      ^bb0(%v: f32, %w: f32):
        %s = arith.mulf %v, %v : f32
        %r = tok.reduce_row %s
        %n = arith.divf %v, %r : f32
        %o = arith.mulf %n, %w : f32
        tok.yield %o : f32
      }
      return
    }
    ```
  }];
  let arguments = (ins StrAttr:$family, Index:$rowBegin, Index:$rowEnd, Optional<Index>:$layer,
    OptionalAttr<FlatSymbolRefArrayAttr>:$weights, Variadic<AnyType>:$inputs,
    Variadic<AnyType>:$outputs, DictionaryAttr:$config, OptionalAttr<StrArrayAttr>:$names);
  let regions = (region AnyRegion:$prologue, AnyRegion:$epilogue);
  let assemblyFormat = [{
    $family `rows` `(` $rowBegin `to` $rowEnd `)` (`layer` `(` $layer^ `)`)? (`weights` $weights^)?
    (`ins` `(` $inputs^ `:` type($inputs) `)`)? `outs` `(` $outputs `:` type($outputs) `)`
    $config (`prologue` $prologue^)? (`epilogue` $epilogue^)? attr-dict
  }];
  let hasVerifier = 1;
}

def Tok_ProbeOp : Tok_Op<"probe", [AttrSizedOperandSegments, MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "tells the runtime that a kernel has run, and where a value that it wrote stands";
  let description = [{
    Calls the frame's `instrument`, if the runtime has set it, from worker 0 (docs/bundle.md). `number`
    is the probe's place in the module's `tok.probes`, which says what it looks at. Without `rows`,
    all rows of the value are meant. `layer` is the layer that the probe stands in; none outside of layers.

    The op does not wait for other workers: who inserts it sees to it that the value is complete, and that
    nobody writes it before every worker has passed the probe.

    Example:

    ```mlir
    module attributes {tok.probes = [{kernel = 0 : i64, label = "linear attn_q", value = "attn_q",
                                      type = "f32", columns = 96 : i64, rows = "step"} ]} {
      func.func @f(%b: index, %e: index, %l: index) {
        %x = tok.buffer : memref<?x96xf32>
        tok.probe 0 rows(%b to %e) layer(%l) of(%x : memref<?x96xf32>)
        return
      }
    }
    ```
  }];
  let arguments = (ins I64Attr:$number, Optional<Index>:$rowBegin, Optional<Index>:$rowEnd,
    Optional<Index>:$layer, Optional<AnyTypeOf<[AnyMemRef, AnyRankedTensor]>>:$value);
  let assemblyFormat = [{
    $number (`rows` `(` $rowBegin^ `to` $rowEnd `)`)? (`layer` `(` $layer^ `)`)?
    (`of` `(` $value^ `:` type($value) `)`)? attr-dict
  }];
  let hasVerifier = 1;
}

def Tok_YieldOp : Tok_Op<"yield", [Pure, ReturnLike, Terminator, ParentOneOf<["KernelOp", "WeightOp"]>]> {
  let summary = "ends a region of a kernel or of a weight";
  let description = [{
    Gives a kernel's values of an element in the order of the outputs, or the
    one value that a weight is. Example: see `tok.kernel` and `tok.weight`.
  }];
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

def Tok_ReduceRowOp : Tok_Op<"reduce_row", [Pure, SameOperandsAndResultType, ParentOneOf<["KernelOp"]>]> {
  let summary = "the sum of an element's value over its row";
  let description = [{
    Sixteen partial sums (column modulo 16), each in ascending order, then
    halved pairwise: lane i plus lane i + 8, + 4, + 2, + 1. The order is fixed,
    so the sum does not depend on the ISA. Example: see `tok.kernel`.
  }];
  let arguments = (ins F32:$value);
  let results = (outs F32:$sum);
  let assemblyFormat = "$value attr-dict";
}

def Tok_PartnerOp : Tok_Op<"partner", [Pure, SameOperandsAndResultType, ParentOneOf<["KernelOp"]>]> {
  let summary = "the value of an input at the element that rotates with this one";
  let description = [{
    `value` must be an argument of the region that stands for an input. Within
    each head of `head` elements the partner of d is `d ^ 1` (`adjacent`) or
    `d + dims/2 mod dims` (`halves`) for d below `dims`. Example:

    ```mlir
    func.func @f(%x: memref<?x96xf32>, %b: index, %e: index) {
      tok.kernel "rowwise" rows(%b to %e) ins(%x : memref<?x96xf32>) outs(%x : memref<?x96xf32>)
          {columns = 96} prologue {
      ^bb0(%v: f32):
        %p = tok.partner %v adjacent head = 32 dims = 32
        tok.yield %p : f32
      }
      return
    }
    ```
  }];
  let arguments = (ins F32:$value, EnumProp<Tok_RopePairs>:$pairs, I64Attr:$head, I64Attr:$dims);
  let results = (outs F32:$partner);
  let assemblyFormat = "$value $pairs `head` `=` $head `dims` `=` $dims attr-dict";
  let hasVerifier = 1;
}

#endif // TOK_PROGRAMOPS_TD
