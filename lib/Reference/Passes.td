//===- Passes.td - Passes of the reference backend ---------*- tablegen -*-===//

#ifndef TOKOPT_REFERENCE_PASSES_TD
#define TOKOPT_REFERENCE_PASSES_TD

include "mlir/Pass/PassBase.td"

def DecomposePass : Pass<"tok-decompose", "::mlir::ModuleOp"> {
  let summary = "Replace every op on values by its definition in upstream ops";
  let description = [{
    Rewrites a model to `linalg`, `tensor`, `scf`, `arith` and `math`. This is
    the definition of each op, and what `--backend=reference` compiles.

    - Weights are read from one tensor of bytes, an argument that each function
      that needs it gets. `tok.weight` gets an `image`: where its bytes lie
      there, as they stand in the model file.
    - `!tok.rows` becomes an i32 tensor a column; `!tok.cache` a tensor a plane
      of its pages (keys, values, scales) and the page table.
    - A function that is a kind or an entry (its results have a `tok.slot`) gets
      a tensor for each result that no argument can take; the result is
      written there, so that it needs no memory of its own.

    Before:

    ```mlir
    func.func @f(%g: tensor<?x160xf32>, %u: tensor<?x160xf32>) -> tensor<?x160xf32> {
      %h = tok.gated %g, %u silu : tensor<?x160xf32>
      return %h : tensor<?x160xf32>
    }
    ```

    After:

    ```mlir
    #rows = affine_map<(d0, d1) -> (d0, d1)>
    func.func @f(%g: tensor<?x160xf32>, %u: tensor<?x160xf32>) -> tensor<?x160xf32> {
      %c0 = arith.constant 0 : index
      %t = tensor.dim %g, %c0 : tensor<?x160xf32>
      %e = tensor.empty(%t) : tensor<?x160xf32>
      %h = linalg.generic {indexing_maps = [#rows, #rows, #rows], iterator_types = ["parallel", "parallel"]}
          ins(%g, %u : tensor<?x160xf32>, tensor<?x160xf32>) outs(%e : tensor<?x160xf32>) {
      ^bb0(%x: f32, %y: f32, %out: f32):
        %one = arith.constant 1.0 : f32
        %n = arith.negf %x : f32
        %exp = math.exp %n : f32
        %sum = arith.addf %exp, %one : f32
        %silu = arith.divf %x, %sum : f32
        %z = arith.mulf %silu, %y : f32
        linalg.yield %z : f32
      } -> tensor<?x160xf32>
      return %h : tensor<?x160xf32>
    }
    ```

    Numerics: exact, by definition: nothing else says what an op computes.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
    "::mlir::func::FuncDialect", "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"
  ];
}

#endif // TOKOPT_REFERENCE_PASSES_TD
