//===- Passes.td - From a model to the program of a step ---*- tablegen -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_LOWER_PASSES_TD
#define TOKOPT_LOWER_PASSES_TD

include "passes/TokPass.td"

def LowerToProgramPass : TokPass<"tok-lower-to-program", Tolerance<"3e-5">> {
  let summary = "Group the ops of a model into kernels over buffers";
  let description = [{
    Inlines the kinds of layers into one loop over the layer table, gives every
    value a `tok.buffer`, and groups ops into `tok.kernel`:

    - a norm stands in the prologue of the kernel that writes what its readers need, f32 or rounded to i8;
    - a residual addition is the epilogue of the linear before it, in place where the residual is dead;
    - gate and up become one linear of two matrices whose epilogue is the activation;
    - a rotation of keys is the prologue of the kernel that writes them to the cache.

    Numerics: tolerance. Kernels reduce in the order of `docs/architecture.md`,
    the decomposition in its own. The differences of f32 sums grow with depth: logits of models of two layers
    differ by 1e-5, of six by 2e-5.

    Before:

    ```mlir
    tok.weight @attn_output : tensor<96x96x!tok.q4_1> = source "m.gguf" at [0]
    func.func @step(%ids: tensor<?xi32> {tok.slot = "ids"}, %a: tensor<?x96xf32> {tok.slot = "a"},
                    %x: tensor<?x96xf32> {tok.slot = "x"}) -> (tensor<?x96xf32> {tok.slot = "y"}) {
      %o = tok.linear %a, @attn_output : tensor<?x96xf32> -> tensor<?x96xf32>
      %y = arith.addf %x, %o : tensor<?x96xf32>
      return %y : tensor<?x96xf32>
    }
    ```

    After:

    ```mlir
    module attributes {tok.program = {caches = []}} {
      tok.weight @attn_output : tensor<96x96x!tok.q4_1> = source "m.gguf" at [0]
      func.func @step(%ids: memref<?xi32> {tok.slot = "ids"}, %a: memref<?x96xf32> {tok.slot = "a"},
                      %x: memref<?x96xf32> {tok.slot = "x"}, %y: memref<?x96xf32> {tok.slot = "y"}) {
        %c0 = arith.constant 0 : index
        %n = memref.dim %ids, %c0 : memref<?xi32>
        tok.kernel "linear" rows(%c0 to %n) weights [@attn_output]
            ins(%a, %x : memref<?x96xf32>, memref<?x96xf32>) outs(%y : memref<?x96xf32>)
            {compute = "f32", inputs = 96, matrices = 1, outputs = 96} epilogue {
        ^bb0(%sum: f32, %residual: f32):
          %r = arith.addf %residual, %sum : f32
          tok.yield %r : f32
        } {names = ["y"]}
        return
      }
    }
    ```

    `names` are what the model calls the values, for instrumentation.
  }];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"::tokopt::kDefaultTarget.str()", "What kernels run on: cpu or cuda">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"];
}

def SpecializeFewRowsPass : TokPass<"tok-specialize-few-rows", Exact> {
  let summary = "Run steps of few rows with fewer barriers";
  let description = [{
    The work of an entry becomes a branch on the number of rows. With few rows,
    as in decode, a barrier costs more than a row's norm or rounding: there, what
    a `rowwise` kernel writes for `linear` kernels alone goes to a buffer of each
    worker, and every worker computes all of its rows, so that none has to wait.

    Numerics: exact. A row's sum has one order whoever computes it.

    Before:

    ```mlir
    tok.weight @w : tensor<96x96xf32> = source "m.gguf" at [0]
    func.func @step(%ids: memref<?xi32> {tok.slot = "ids"}, %x: memref<?x96xf32> {tok.slot = "frontier"}) {
      %c0 = arith.constant 0 : index
      %n = memref.dim %ids, %c0 : memref<?xi32>
      %y = tok.buffer : memref<?x96xf32>
      tok.kernel "rowwise" rows(%c0 to %n) ins(%x : memref<?x96xf32>) outs(%y : memref<?x96xf32>) {columns = 96}
      tok.kernel "linear" rows(%c0 to %n) weights [@w] ins(%y : memref<?x96xf32>) outs(%x : memref<?x96xf32>)
          {compute = "f32", inputs = 96, matrices = 1, outputs = 96}
      return
    }
    ```

    After:

    ```mlir
    tok.weight @w : tensor<96x96xf32> = source "m.gguf" at [0]
    func.func @step(%ids: memref<?xi32> {tok.slot = "ids"}, %x: memref<?x96xf32> {tok.slot = "frontier"}) {
      %c0 = arith.constant 0 : index
      %n = memref.dim %ids, %c0 : memref<?xi32>
      %zero = arith.constant 0 : index
      %count = memref.dim %ids, %zero : memref<?xi32>
      %c4 = arith.constant 4 : index
      %few = arith.cmpi ule, %count, %c4 : index
      scf.if %few {
        %y = tok.buffer worker_rows = 4 : memref<?x96xf32>
        tok.kernel "rowwise" rows(%c0 to %n) ins(%x : memref<?x96xf32>) outs(%y : memref<?x96xf32>) {columns = 96, replicated}
        tok.kernel "linear" rows(%c0 to %n) weights [@w] ins(%y : memref<?x96xf32>) outs(%x : memref<?x96xf32>)
            {compute = "f32", inputs = 96, matrices = 1, outputs = 96}
      } else {
        %y = tok.buffer : memref<?x96xf32>
        tok.kernel "rowwise" rows(%c0 to %n) ins(%x : memref<?x96xf32>) outs(%y : memref<?x96xf32>) {columns = 96}
        tok.kernel "linear" rows(%c0 to %n) weights [@w] ins(%y : memref<?x96xf32>) outs(%x : memref<?x96xf32>)
            {compute = "f32", inputs = 96, matrices = 1, outputs = 96}
      }
      return
    }
    ```
  }];
  let idempotent = 1;
  let options = [
    Option<"target", "target", "std::string", /*default=*/"::tokopt::kDefaultTarget.str()", "What kernels run on: cpu or cuda">,
    Option<"rows", "rows", "int64_t", /*default=*/"0",
           "Most rows of a step that count as few; 0 is what the target says">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect"];
}

def PlanBuffersPass : TokPass<"tok-plan-buffers", Exact> {
  let summary = "Give every buffer its place in the workspace";
  let idempotent = 1;
  let description = [{
    First fit over live ranges: a buffer takes the lowest place that no buffer
    alive at the same time has. A range that begins before a loop and is used in it lasts to the
    loop's end. Sets `row_bytes` and `scratch_bytes` of `tok.program`.

    Numerics: exact.

    Before:

    ```mlir
    func.func @step(%in: memref<?x96xf32>, %n: index) {
      %c0 = arith.constant 0 : index
      %x = tok.buffer : memref<?x96xf32>
      %y = tok.buffer : memref<?x96xf32>
      tok.kernel "rowwise" rows(%c0 to %n) ins(%in : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96}
      tok.kernel "rowwise" rows(%c0 to %n) ins(%x : memref<?x96xf32>) outs(%y : memref<?x96xf32>) {columns = 96}
      return
    }
    ```

    After:

    ```mlir
    module attributes {tok.program = {fixed_bytes = 0, row_bytes = 768, scratch_bytes = 0}} {
      func.func @step(%in: memref<?x96xf32>, %n: index) {
        %c0 = arith.constant 0 : index
        %x = tok.buffer at 0 : memref<?x96xf32>
        %y = tok.buffer at 384 : memref<?x96xf32>
        tok.kernel "rowwise" rows(%c0 to %n) ins(%in : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96}
        tok.kernel "rowwise" rows(%c0 to %n) ins(%x : memref<?x96xf32>) outs(%y : memref<?x96xf32>) {columns = 96}
        return
      }
    }
    ```
  }];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"::tokopt::kDefaultTarget.str()", "What kernels run on: cpu or cuda">,
  ];
}

def InsertBarriersPass : TokPass<"tok-insert-barriers", Exact> {
  let summary = "Separate kernels that touch the same memory";
  let idempotent = 1;
  let description = [{
    A kernel that reads what another has written since the last barrier, or
    writes what another has read or written, gets a barrier before it: workers
    share the work of kernels differently. Places in the workspace count, not buffers, so it runs after
    `tok-plan-buffers`. The end of a loop's body is a barrier when anything is
    open, unless its beginning is one.

    Numerics: exact.

    Before:

    ```mlir
    func.func @step(%in: memref<?x96xf32>, %n: index) {
      %c0 = arith.constant 0 : index
      %x = tok.buffer at 0 : memref<?x96xf32>
      %y = tok.buffer at 384 : memref<?x96xf32>
      tok.kernel "rowwise" rows(%c0 to %n) ins(%in : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96}
      tok.kernel "rowwise" rows(%c0 to %n) ins(%x : memref<?x96xf32>) outs(%y : memref<?x96xf32>) {columns = 96}
      return
    }
    ```

    After:

    ```mlir
    func.func @step(%in: memref<?x96xf32>, %n: index) {
      %c0 = arith.constant 0 : index
      %x = tok.buffer at 0 : memref<?x96xf32>
      %y = tok.buffer at 384 : memref<?x96xf32>
      tok.kernel "rowwise" rows(%c0 to %n) ins(%in : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96}
      tok.barrier
      tok.kernel "rowwise" rows(%c0 to %n) ins(%x : memref<?x96xf32>) outs(%y : memref<?x96xf32>) {columns = 96}
      return
    }
    ```
  }];
}

def InstrumentProgramPass : TokPass<"tok-instrument-program", Exact> {
  let summary = "Tell the runtime after each kernel what it wrote";
  let idempotent = 1;
  let description = [{
    Puts a `tok.probe` behind every kernel of every entry, and says in `tok.probes` what each looks at: the kernel by
    its number in the module and by a label, and the value that it wrote by the name that the model gives it
    (`names`). Runs on a finished program, last of all: places and kernels are those of the program without
    probes.

    With `values`, a probe names the buffer. Worker 0 reads it, so the pass adds a barrier before, that the value
    may be complete, and one after, that nobody writes it meanwhile; a buffer that each worker has for itself is
    complete as soon as worker 0 has written it. A kernel with several values has several probes. What goes to
    a cache or is a copy is no value: its kernel has a probe without.

    Without `values`, no barrier is added. A probe stands behind the barrier that follows its kernel, so that the time
    until all have arrived counts as this kernel's. Where that barrier begins the next turn of the loop, it counts as the
    time of that turn's first kernel.

    The layer of a probe is the one whose weights or cache the kernels beside it use; where there are none, the
    number of the loop's turn. Outside of loops it has none.

    Numerics: exact.

    Before:

    ```mlir
    func.func @step(%in: memref<?x96xf32>, %n: index) {
      %c0 = arith.constant 0 : index
      %x = tok.buffer at 0 : memref<?x96xf32>
      tok.kernel "rowwise" rows(%c0 to %n) ins(%in : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96}
          {names = ["attn_norm"]}
      tok.kernel "rowwise" rows(%c0 to %n) ins(%in : memref<?x96xf32>) outs(%in : memref<?x96xf32>) {columns = 96}
      return
    }
    ```

    After:

    ```mlir
    module attributes {tok.probes = [
        {columns = 96 : i64, kernel = 0 : i64, label = "rowwise attn_norm", rows = "step", type = "f32", value = "attn_norm"},
        {kernel = 1 : i64, label = "rowwise"} ]} {
      func.func @step(%in: memref<?x96xf32>, %n: index) {
        %c0 = arith.constant 0 : index
        %x = tok.buffer at 0 : memref<?x96xf32>
        tok.kernel "rowwise" rows(%c0 to %n) ins(%in : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96}
            {names = ["attn_norm"]}
        tok.barrier
        tok.probe 0 rows(%c0 to %n) of(%x : memref<?x96xf32>)
        tok.barrier
        tok.kernel "rowwise" rows(%c0 to %n) ins(%in : memref<?x96xf32>) outs(%in : memref<?x96xf32>) {columns = 96}
        tok.probe 1 rows(%c0 to %n)
        return
      }
    }
    ```
  }];
  let options = [
    Option<"values", "values", "bool", /*default=*/"true",
           "Name the buffers of values; else probes only say that a kernel has run">,
  ];
}

def PlanImagePass : TokPass<"tok-plan-image", Exact> {
  let summary = "Decide where each weight lies in the bundle";
  let idempotent = 1;
  let description = [{
    Members of families one after the other, in the order in which a step walks
    them: layer by layer. Sets `image` of each `tok.weight`.

    Numerics: exact.

    Before:

    ```mlir
    tok.weight @attn_norm layers = [0-1] : tensor<96xf32> = source "m.gguf" at [100, 900]
    tok.weight @ffn_norm layers = [0-1] : tensor<96xf32> = source "m.gguf" at [500, 1300]
    ```

    After:

    ```mlir
    tok.weight @attn_norm layers = [0-1] : tensor<96xf32> = source "m.gguf" at [100, 900] image [0, 768]
    tok.weight @ffn_norm layers = [0-1] : tensor<96xf32> = source "m.gguf" at [500, 1300] image [384, 1152]
    ```
  }];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"::tokopt::kDefaultTarget.str()", "What kernels run on: cpu or cuda">,
  ];
}

def ChooseKernelsPass : TokPass<"tok-choose-kernels", Exact> {
  let summary = "Complete the configuration of every kernel for a target";
  let idempotent = 1;
  let description = [{
    Each kernel's template estimates what its configurations cost on the machine, and the cheapest is taken. With
    `print`, the machine, and one line a kernel: what was chosen, the runner-up, what both cost, and why.

    Numerics: exact. A row's result does not depend on the configuration.

    Before:

    ```mlir
    tok.weight @attn_q : tensor<96x96x!tok.q4_1> = source "m.gguf" at [0]
    func.func @step(%x: memref<?x96xf32>, %y: memref<?x96xf32>, %n: index) {
      %c0 = arith.constant 0 : index
      tok.kernel "linear" rows(%c0 to %n) weights [@attn_q] ins(%x : memref<?x96xf32>) outs(%y : memref<?x96xf32>)
          {compute = "f32", inputs = 96, matrices = 1, outputs = 96}
      return
    }
    ```

    After:

    ```mlir
    tok.weight @attn_q : tensor<96x96x!tok.q4_1> = source "m.gguf" at [0]
    func.func @step(%x: memref<?x96xf32>, %y: memref<?x96xf32>, %n: index) {
      %c0 = arith.constant 0 : index
      tok.kernel "linear" rows(%c0 to %n) weights [@attn_q] ins(%x : memref<?x96xf32>) outs(%y : memref<?x96xf32>)
          {compute = "f32", inputs = 96, matrices = 1, outputs = 96, tile = 4}
      return
    }
    ```
  }];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"::tokopt::kDefaultMachine.str()",
           "The machine: avx2, avx512vnni or avx512amx (cpu), sm_80 or sm_90a (cuda)">,
    Option<"print", "print", "bool", /*default=*/"false", "Print the choices to standard error">,
  ];
}

def ExpandKernelsPass : TokPass<"tok-expand-kernels", Exact> {
  let summary = "Replace kernels by calls of functions that the templates write";
  let description = [{
    Every distinct kernel (family, configuration, types, regions) becomes one
    private function; the entry becomes `step(frame, worker)`. Weights are addressed
    through tables of offsets by layer, so nothing grows with the number of layers but these tables.

    Numerics: exact.

    Before:

    ```mlir
    func.func @step(%x: memref<?x16xf32> {tok.slot = "frontier"}, %n: index {tok.slot = "rows"}) {
      %c0 = arith.constant 0 : index
      tok.kernel "rowwise" rows(%c0 to %n) ins(%x : memref<?x16xf32>) outs(%x : memref<?x16xf32>) {columns = 16} prologue {
      ^bb0(%v: f32):
        %square = arith.mulf %v, %v : f32
        tok.yield %square : f32
      }
      return
    }
    ```

    After, in short (slot 4 of the frame holds the number of rows, slot 17 the frontier):

    ```mlir
    func.func @step(%frame: !llvm.ptr, %worker: i64) {
      %slot17 = llvm.getelementptr %frame[136] : (!llvm.ptr) -> !llvm.ptr, i8
      %x = llvm.load %slot17 : !llvm.ptr -> !llvm.ptr
      %slot4 = llvm.getelementptr %frame[32] : (!llvm.ptr) -> !llvm.ptr, i8
      %n = llvm.load %slot4 : !llvm.ptr -> i64
      %c0 = arith.constant 0 : i64
      call @rowwise_0(%frame, %worker, %c0, %n, %c0, %x, %x)
          : (!llvm.ptr, i64, i64, i64, i64, !llvm.ptr, !llvm.ptr) -> ()
      return
    }
    func.func private @rowwise_0(%frame: !llvm.ptr, %worker: i64, %begin: i64, %end: i64, %layer: i64,
                                 %in: !llvm.ptr, %out: !llvm.ptr)
    ```
  }];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"::tokopt::kDefaultMachine.str()",
           "The machine: avx2, avx512vnni or avx512amx (cpu), sm_80 or sm_90a (cuda)">,
  ];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect",
    "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect"];
}

#endif // TOKOPT_LOWER_PASSES_TD
