// RUN: tokopt-kernels %s --emit=mlir | FileCheck %s --check-prefix=MLIR
// RUN: tokopt-kernels %s --emit=ptx | FileCheck %s --check-prefix=PTX

// A gate that is computed once, stored, and rounded in blocks of 32: of these, 8 lanes hold 4 columns each. No shared
// memory.
// MLIR-LABEL: func.func @rowwise_0
// MLIR-SAME:  tok.launch = {rows = 1 : i64, shared = 0 : i64, threads = 128 : i64}
// MLIR-COUNT-6: nvvm.shfl.sync bfly
// MLIR-NOT:   nvvm.shfl.sync
// PTX-LABEL:  .visible .entry rowwise_0
// PTX-COUNT-4: div.rn.f32
// PTX-NOT:    div.rn.f32
// PTX:        st.global.v4.b32
// The bytes, a scale, the scale times their sum, and the sums of the halves.
// PTX:        st.global.b32
// PTX:        st.global.b32
// PTX:        st.global.b32
// PTX:        st.global.v2.b32

// 20 heads of 128 columns: a warp a head, 8 of them a block, 3 blocks a row.
// MLIR-LABEL: func.func @rowwise_1
// MLIR-SAME:  tok.launch = {parts = 3 : i64, rows = 1 : i64, shared = 0 : i64, threads = 256 : i64}
// MLIR-COUNT-5: nvvm.shfl.sync bfly
// MLIR-NOT:   nvvm.shfl.sync
// PTX-LABEL:  .visible .entry rowwise_1
// PTX-NOT:    bar.sync

tok.weight @w : tensor<128xf32> = source "weights" at [0]
func.func @step(%g: memref<?x512xf32>, %u: memref<?x512xf32>, %y: memref<?x512xf32>, %q: memref<?x768xi8>, %x: memref<?x2560xf32>, %n: memref<?x2560xf32>, %b: index, %e: index) {
  tok.kernel "rowwise" rows(%b to %e) ins(%g, %u : memref<?x512xf32>, memref<?x512xf32>)
      outs(%y, %q : memref<?x512xf32>, memref<?x768xi8>) {columns = 512} prologue {
  ^bb0(%a: f32, %c: f32):
    %one = arith.constant 1.0 : f32
    %m = arith.negf %a : f32
    %p = math.exp %m fastmath<nnan,ninf> : f32
    %d = arith.addf %p, %one : f32
    %act = arith.divf %a, %d : f32
    %o = arith.mulf %act, %c : f32
    tok.yield %o, %o : f32, f32
  }
  tok.kernel "rowwise" rows(%b to %e) weights [@w] ins(%x : memref<?x2560xf32>) outs(%n : memref<?x2560xf32>)
      {columns = 2560, group = 128} prologue {
  ^bb0(%a: f32, %w: f32):
    %s = arith.mulf %a, %a : f32
    %t = tok.reduce_row %s
    %o = arith.mulf %t, %w : f32
    tok.yield %o : f32
  }
  return
}
