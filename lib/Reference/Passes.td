//===- Passes.td - Passes of the reference backend ---------*- tablegen -*-===//
//
// Part of tokopt, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TOKOPT_REFERENCE_PASSES_TD
#define TOKOPT_REFERENCE_PASSES_TD

include "passes/TokPass.td"

def InstrumentModelPass : TokPass<"tok-instrument-model", Exact> {
  let summary = "Tell the runtime after each op what it computed";
  let idempotent = 1;
  let description = [{
    Puts a `tok.probe` behind every op of the kinds and entries of a model that computes rows, and says in
    `tok.probes` what each looks at. Names are those that `tok-lower-to-program` writes down (`names` of
    `tok.kernel`), so what a bundle of the reference backend computes can be compared, value by value, with what
    kernels do. The probe of a kind has its layer. Without `values`, probes only say that the op has run.

    What nobody reads has no probe, nor what a `tok.take` whose rows go on with their columns makes of
    a step: its rows are none of the step's any more.

    Numerics: exact.

    Before:

    ```mlir
    func.func @step(%x: tensor<?x8xf32> {tok.slot = "frontier"}) -> (tensor<?x8xf32> {tok.slot = "frontier"}) {
      %h = tok.gated %x, %x silu : tensor<?x8xf32>
      %y = arith.addf %x, %h : tensor<?x8xf32>
      return %y : tensor<?x8xf32>
    }
    ```

    After:

    ```mlir
    module attributes {tok.probes = [
        {columns = 8 : i64, kernel = 0 : i64, label = "gated", rows = "step", type = "f32", value = "gated"},
        {columns = 8 : i64, kernel = 1 : i64, label = "addf frontier", rows = "step", type = "f32", value = "frontier"} ]} {
      func.func @step(%x: tensor<?x8xf32> {tok.slot = "frontier"}) -> (tensor<?x8xf32> {tok.slot = "frontier"}) {
        %h = tok.gated %x, %x silu : tensor<?x8xf32>
        tok.probe 0 of(%h : tensor<?x8xf32>)
        %y = arith.addf %x, %h : tensor<?x8xf32>
        tok.probe 1 of(%y : tensor<?x8xf32>)
        return %y : tensor<?x8xf32>
      }
    }
    ```
  }];
  let options = [
    Option<"values", "values", "bool", /*default=*/"true",
           "Name the values; else probes only say that an op has run">,
  ];
}

def DecomposePass : TokPass<"tok-decompose", Exact> {
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
    "::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect", "::mlir::func::FuncDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

def BufferizeModelPass : TokPass<"tok-bufferize-model", Exact> {
  let summary = "Give the tensors of a decomposed model memory";
  let idempotent = 1;
  let description = [{
    One-shot bufferization over function boundaries, such that caches and
    destinations are updated in place: no function has a buffer as a result
    afterwards. In signatures the distance of rows is a run-time value, and a
    row is dense. Copies become loops over elements (`linalg.generic`), since a
    bundle has no library to call.

    Before:

    ```mlir
    func.func private @f(%x: tensor<?x8xf32>, %into: tensor<?x8xf32>) -> tensor<?x8xf32> {
      %c0 = arith.constant 0 : index
      %n = tensor.dim %into, %c0 : tensor<?x8xf32>
      %y = tensor.insert_slice %x into %into[0, 0] [%n, 8] [1, 1] : tensor<?x8xf32> into tensor<?x8xf32>
      return %y : tensor<?x8xf32>
    }
    ```

    After:

    ```mlir
    #same = affine_map<(d0, d1) -> (d0, d1)>
    !rows = memref<?x8xf32, strided<[?, 1], offset: ?>>
    func.func private @f(%x: !rows, %into: !rows) {
      %c0 = arith.constant 0 : index
      %n = memref.dim %into, %c0 : !rows
      %part = memref.subview %into[0, 0] [%n, 8] [1, 1] : !rows to !rows
      linalg.generic {indexing_maps = [#same, #same], iterator_types = ["parallel", "parallel"]}
          ins(%x : !rows) outs(%part : !rows) {
      ^bb0(%in: f32, %out: f32):
        linalg.yield %in : f32
      }
      return
    }
    ```

    Numerics: exact.
  }];
  let dependentDialects = [
    "::mlir::bufferization::BufferizationDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::memref::MemRefDialect"
  ];
}

def PlaceTemporariesPass : TokPass<"tok-place-temporaries", Exact> {
  let summary = "Replace allocations by places in the step's workspace";
  let description = [{
    Every function gets the workspace and its capacity in rows as arguments.
    An allocation of static size gets a fixed place, one whose size grows with
    the rows gets a place that grows with the capacity; small ones of static
    size go to the stack. A function's places lie behind those of its callers.
    The module's `tok.program` says how large the workspace is (`fixed_bytes`,
    `row_bytes`).

    Before:

    ```mlir
    func.func @f(%n: index, %zero: f32) {
      %x = memref.alloc(%n) : memref<?x96xf32>
      linalg.fill ins(%zero : f32) outs(%x : memref<?x96xf32>)
      return
    }
    ```

    After:

    ```mlir
    module attributes {tok.program = {fixed_bytes = 0, row_bytes = 384}} {
      func.func @f(%n: index, %zero: f32, %workspace: memref<?xi8> {tok.slot = "workspace"},
                   %capacity: index {tok.slot = "capacity"}) {
        %c0 = arith.constant 0 : index
        %x = memref.view %workspace[%c0][%n] : memref<?xi8> to memref<?x96xf32>
        linalg.fill ins(%zero : f32) outs(%x : memref<?x96xf32>)
        return
      }
    }
    ```

    Numerics: exact.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect"];
}

def ExpandProbesPass : TokPass<"tok-expand-probes", Exact> {
  let summary = "Call the runtime's hook where the probes stand";
  let idempotent = 1;
  let description = [{
    A function with a probe, and whoever calls it, gets the frame's `instrument` and `instrument_data` as
    arguments. The probe becomes a call of that hook, if there is one. A module without probes is left alone.

    Numerics: exact.

    Before:

    ```mlir
    module attributes {tok.probes = [{kernel = 0 : i64, label = "gated"} ]} {
      func.func @step(%rows: index {tok.slot = "rows"}) {
        tok.probe 0
        return
      }
    }
    ```

    After:

    ```mlir
    module attributes {tok.probes = [{kernel = 0 : i64, label = "gated"} ]} {
      func.func @step(%rows: index {tok.slot = "rows"}, %instrument: index {tok.slot = "instrument"},
                      %data: index {tok.slot = "instrument_data"}) {
        %noLayer = arith.constant -1 : i64
        %zero = arith.constant 0 : i64
        %null = llvm.mlir.zero : !llvm.ptr
        %none = arith.constant 0 : index
        %heard = arith.cmpi ne, %instrument, %none : index
        scf.if %heard {
          %address = arith.index_cast %instrument : index to i64
          %hook = llvm.inttoptr %address : i64 to !llvm.ptr
          %place = arith.index_cast %data : index to i64
          %its = llvm.inttoptr %place : i64 to !llvm.ptr
          llvm.call %hook(%its, %zero, %noLayer, %zero, %zero, %null, %zero)
              : !llvm.ptr, (!llvm.ptr, i64, i64, i64, i64, !llvm.ptr, i64) -> ()
        }
        return
      }
    }
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect"
  ];
}

def TrapAssertionsPass : TokPass<"tok-trap-assertions", Exact> {
  let summary = "Let an assertion that fails end the process";
  let description = [{
    A bundle has no library to print with, so a failed `cf.assert` becomes a
    trap. What is asserted is what a wrong pass breaks (an activation whose rows
    are not those of the columns beside it), never what a user may ask for.

    Before:

    ```mlir
    func.func @f(%ok: i1) {
      cf.assert %ok, "tok.rope: the input has not the rows of the columns"
      return
    }
    ```

    After:

    ```mlir
    func.func @f(%ok: i1) {
      scf.if %ok {
      } else {
        llvm.intr.trap
      }
      return
    }
    ```

    Numerics: exact.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::scf::SCFDialect"];
}

def WrapEntriesPass : TokPass<"tok-wrap-entries", Exact> {
  let summary = "Let entries take what they need from a frame";
  let description = [{
    A function whose arguments have roles (`tok.slot`) becomes private, and a
    public one of its name takes its place with the signature that
    docs/bundle.md gives entries. It loads the slots of the frame, makes
    buffers of them and calls the function. Only worker 0 does; the reference
    backend has one thread.

    Before:

    ```mlir
    func.func @step(%rows: index {tok.slot = "rows"}) {
      return
    }
    ```

    After:

    ```mlir
    func.func private @step_body(%rows: index) {
      return
    }
    func.func @step(%frame: !llvm.ptr, %worker: i64) {
      %c0 = arith.constant 0 : i64
      %first = arith.cmpi eq, %worker, %c0 : i64
      scf.if %first {
        %slot = llvm.getelementptr %frame[4] : (!llvm.ptr) -> !llvm.ptr, i64
        %value = llvm.load %slot : !llvm.ptr -> i64
        %rows = arith.index_cast %value : i64 to index
        func.call @step_body(%rows) : (index) -> ()
      }
      return
    }
    ```

    Numerics: exact.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::scf::SCFDialect"
  ];
}

#endif // TOKOPT_REFERENCE_PASSES_TD
