// RUN: tokopt-kernels %s --emit=mlir | FileCheck %s --check-prefix=MLIR
// RUN: tokopt-kernels %s --emit=mlir --mlir-print-debuginfo | FileCheck %s --check-prefix=LINES
// RUN: tokopt-kernels %s --emit=ptx | FileCheck %s --check-prefix=PTX

// A block takes 64 rows and one query head, with two blocks of 64 keys and
// values in shared memory; or what the knobs say.
// MLIR: func.func @attention_0
// MLIR-SAME: tok.launch = {parts = 32 : i64, rows = 64 : i64, shared = 65536 : i64, threads = 128 : i64}
// MLIR: func.func @attention_1
// MLIR-SAME: tok.launch = {parts = 32 : i64, rows = 128 : i64, shared = 98304 : i64, threads = 256 : i64}

// Each instruction has the line of the template.
// LINES: nvvm.cp.async.shared.global {{.*}} loc(#[[COPY:.*]])
// LINES: nvvm.mma.sync {{.*}}
// LINES: #[[COPY]] = loc("lib/Kernels/Cuda/Prefill.cpp":

// Blocks of code stand in the order of the backend.
// PTX-LABEL: .visible .entry attention_0
// PTX-DAG: cp.async.cg.shared.global
// PTX-DAG: cp.async.commit_group
// PTX-DAG: cp.async.wait_group 0
// PTX-DAG: ldmatrix.sync.aligned.m8n8.x4.shared.b16
// PTX-DAG: ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16
// PTX-DAG: mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32
// PTX-DAG: cvt.rn.f16x2.f32
// PTX-LABEL: .visible .entry attention_1
// PTX: cp.async.wait_group 1

!kv = !tok.cache<layers = [0-31], heads = 8, k = 128 x f16, v = 128 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @step(%q: memref<?x4096xf32>, %kv: !kv, %o: memref<?x4096xf32>, %b: index, %e: index, %l: index) {
  tok.kernel "attention" rows(%b to %e) layer(%l) ins(%q, %kv : memref<?x4096xf32>, !kv) outs(%o : memref<?x4096xf32>)
      {heads = 32, scale = 0.088388 : f32, window = 0, cache = 0, context = 8192, compute = "f16"}
  tok.kernel "attention" rows(%b to %e) layer(%l) ins(%q, %kv : memref<?x4096xf32>, !kv) outs(%o : memref<?x4096xf32>)
      {heads = 32, scale = 0.088388 : f32, window = 0, cache = 0, context = 8192, compute = "f16", row_tile = 128, stages = 3}
  return
}
