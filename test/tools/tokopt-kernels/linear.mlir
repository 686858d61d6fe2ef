// RUN: tokopt-kernels --list | FileCheck %s --check-prefix=LIST
// RUN: tokopt-kernels %s --emit=mlir | FileCheck %s --check-prefix=MLIR
// RUN: tokopt-kernels %s --emit=mlir --mlir-print-debuginfo | FileCheck %s --check-prefix=LINES
// RUN: tokopt-kernels %s --emit=ptx | FileCheck %s --check-prefix=PTX

// LIST: linear
// LIST-NEXT: row_tile: rows of a block (1, 2, 4, 8 or 16 with packed weights, 16, 32, 64 or 128 with others)
// LIST-NEXT: warps: warps of a block, which share the columns (1, 2, 4 or 8, with packed weights)
// LIST-NEXT: stages: tiles of weights in shared memory, of a warp where they are packed (2, 3 or 4, and up to 8 for 16 rows of f16 or bf16)

// A block takes 32 outputs, as the packed weights of two panels; or 128, or 64 with few rows. Registers are for the blocks that shared memory has room for.
// MLIR: func.func @linear_0
// MLIR-SAME: tok.launch = {blocks = 2 : i64, parts = 256 : i64, rows = 1 : i64, shared = 74496 : i64, threads = 256 : i64}
// MLIR: func.func @linear_1
// MLIR-SAME: tok.launch = {blocks = 1 : i64, parts = 64 : i64, rows = 128 : i64, shared = 131072 : i64, threads = 256 : i64}
// MLIR: func.func @linear_2
// MLIR-SAME: tok.launch = {blocks = 2 : i64, parts = 128 : i64, rows = 16 : i64, shared = 81920 : i64, threads = 64 : i64}

// Each instruction has the line of the template.
// LINES: nvvm.cp.async.shared.global {{.*}} loc(#[[COPY:.*]])
// LINES: #[[COPY]] = loc("lib/Kernels/Cuda/LinearPacked.cpp":

// Weights are copied by 16 bytes, and taken from shared memory by as many.
// PTX-LABEL: .visible .entry linear_0
// PTX: .minnctapersm 2
// PTX-NOT: ld.global
// PTX-DAG: cp.async.cg.shared.global
// PTX-DAG: cp.async.wait_group 1
// PTX-DAG: bar.warp.sync
// PTX-DAG: ld.shared.v4.b32
// PTX-DAG: add.rn.f16x2
// PTX-DAG: mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32
// PTX-LABEL: .visible .entry linear_1
// PTX: .minnctapersm 1
// PTX-DAG: ldmatrix.sync.aligned.m8n8.x4.shared.b16
// PTX-DAG: ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16
// PTX-DAG: mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32
// PTX-DAG: st.global.v4
// PTX-LABEL: .visible .entry linear_2
// PTX: cp.async.wait_group 6

tok.weight @packed : tensor<8192x8192x!tok.q4_k> = source "weights" at [0]
tok.weight @plain : tensor<8192x8192xf16> = source "weights" at [0]
func.func @step(%x: memref<?x8192xf16>, %y: memref<?x8192xf32>, %b: index, %e: index) {
  tok.kernel "linear" rows(%b to %e) weights [@packed] ins(%x : memref<?x8192xf16>) outs(%y : memref<?x8192xf32>)
      {matrices = 1, inputs = 8192, outputs = 8192, compute = "f16", row_tile = 1}
  tok.kernel "linear" rows(%b to %e) weights [@plain] ins(%x : memref<?x8192xf16>) outs(%y : memref<?x8192xf32>)
      {matrices = 1, inputs = 8192, outputs = 8192, compute = "f16"}
  tok.kernel "linear" rows(%b to %e) weights [@plain] ins(%x : memref<?x8192xf16>) outs(%y : memref<?x8192xf32>)
      {matrices = 1, inputs = 8192, outputs = 8192, compute = "f16", row_tile = 16}
  return
}
