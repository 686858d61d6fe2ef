//===- Passes.td - From a model to the program of a step ---*- tablegen -*-===//

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
    %o = tok.linear %a, @attn_output[%l] : tensor<?x96xf32> -> tensor<?x96xf32>
    %y = arith.addf %x, %o : tensor<?x96xf32>
    ```
    After:
    ```mlir
    tok.kernel "linear" rows(%c0 to %n) layer(%l) weights [@attn_output]
        ins(%a, %x : memref<?x96xf32>, memref<?x96xf32>) outs(%x : memref<?x96xf32>)
        {compute = "f32", inputs = 96, matrices = 1, outputs = 96} epilogue {
    ^bb0(%sum: f32, %residual: f32):
      %y = arith.addf %residual, %sum : f32
      tok.yield %y : f32
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"];
}

def PlanBuffersPass : TokPass<"tok-plan-buffers", Exact> {
  let summary = "Give every buffer its place in the workspace";
  let idempotent = 1;
  let description = [{
    First fit over live ranges: a buffer takes the lowest place that no buffer
    alive at the same time has. A range that begins before a loop and is used in it lasts to the
    loop's end. Sets `row_bytes` and `scratch_bytes` of `tok.program`.

    Numerics: exact.

    Before: `%x = tok.buffer : memref<?x96xf32>`. After: `%x = tok.buffer at 384 : memref<?x96xf32>`.
  }];
}

def InsertBarriersPass : TokPass<"tok-insert-barriers", Exact> {
  let summary = "Separate kernels that touch the same memory";
  let idempotent = 1;
  let description = [{
    A kernel that reads what another has written since the last barrier, or
    writes what another has read or written, gets a barrier before it: workers
    share the work of kernels differently. Places in the workspace count, not buffers, so it runs after
    `tok-plan-buffers`. The end of a loop's body is a barrier when anything is open.

    Numerics: exact.

    Before: two kernels, the second reads `%x`, which the first writes. After: `tok.barrier` between them.
  }];
}

def PlanImagePass : TokPass<"tok-plan-image", Exact> {
  let summary = "Decide where each weight lies in the bundle";
  let idempotent = 1;
  let description = [{
    Members of families one after the other, in the order in which a step walks
    them: layer by layer. Sets `image` of each `tok.weight`.

    Numerics: exact.

    Before: `tok.weight @w layers = [0-1] : ... at [100, 484]`. After: `... at [100, 484] image [0, 384]`.
  }];
}

def ChooseKernelsPass : TokPass<"tok-choose-kernels", Exact> {
  let summary = "Complete the configuration of every kernel for a target";
  let idempotent = 1;
  let description = [{
    Asks each kernel's template. With `print`, one line a kernel: what was
    chosen, the runner-up, and why.

    Numerics: exact. A row's result does not depend on the configuration.

    Before: `tok.kernel "linear" ... {inputs = 96, ...}`. After: `tok.kernel "linear" ... {inputs = 96, tile = 4, ...}`.
  }];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"\"avx2\"", "ISA level: avx2 or avx512vnni">,
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

    Before: `tok.kernel "linear" ...`. After: `func.call @linear_0(%frame, %worker, ...)`.
  }];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"\"avx2\"", "ISA level: avx2 or avx512vnni">,
  ];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect",
    "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect"];
}

#endif // TOKOPT_LOWER_PASSES_TD
