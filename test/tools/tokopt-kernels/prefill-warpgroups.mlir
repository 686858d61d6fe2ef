// RUN: tokopt-kernels %s --target=sm_90a --emit=mlir | FileCheck %s --check-prefix=MLIR
// RUN: tokopt-kernels %s --target=sm_90a --emit=mlir --mlir-print-debuginfo | FileCheck %s --check-prefix=LINES
// RUN: tokopt-kernels %s --target=sm_90a --emit=ptx | FileCheck %s --check-prefix=PTX

// Two warpgroups and a third, of which a warp brings three blocks of 64 keys and values to shared memory, from maps of the pages; or
// what the knobs say, a warpgroup and a warp.
// MLIR: func.func @attention_0
// MLIR-SAME: tok.launch = {blocks = 1 : i64, maps = [{argument = 7 : i64, box = [64, 64], cache = 0 : i64, element = f16, sizes = [128, -1], strides = [256], swizzle = 128 : i64}, {argument = 8 : i64, box = [64, 64], cache = 0 : i64, element = f16, sizes = [64, -1], strides = [128], swizzle = 128 : i64}],
// MLIR-SAME: parts = 32 : i64, rows = 128 : i64, shared = 75784 : i64, threads = 384 : i64}
// MLIR: func.func @attention_1
// MLIR-SAME: parts = 32 : i64, rows = 64 : i64, shared = 51208 : i64, threads = 160 : i64}

// Each instruction has the line of the template.
// LINES: nvvm.cp.async.bulk.tensor.shared.cluster.global {{.*}} loc(#[[COPY:.*]])
// LINES: #[[COPY]] = loc("lib/Kernels/Cuda/WarpgroupPrefill.cpp":

// Blocks of code stand in the order of the backend.
// PTX-LABEL: .visible .entry attention_0
// PTX-DAG: .param .align 64 .b8 attention_0_param_7[128]
// PTX-DAG: fence.mbarrier_init.release.cluster
// PTX-DAG: mbarrier.arrive.expect_tx.shared.b64
// PTX-DAG: mbarrier.try_wait.parity.shared.b64
// PTX-DAG: cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes
// PTX-DAG: fence.proxy.async.shared::cta
// PTX-DAG: wgmma.fence.sync.aligned
// PTX-DAG: wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16
// PTX-DAG: wgmma.commit_group.sync.aligned
// Warpgroups take turns. Scores end while values are in flight, which end later.
// PTX-DAG: setmaxnreg.dec.sync.aligned.u32 40
// PTX-DAG: setmaxnreg.inc.sync.aligned.u32 232
// PTX-DAG: bar.sync {{%r[0-9]+}}, 256
// PTX-DAG: bar.arrive {{%r[0-9]+}}, 256
// PTX-DAG: wgmma.wait_group.sync.aligned 1
// PTX-DAG: wgmma.wait_group.sync.aligned 0
// PTX-LABEL: .visible .entry attention_1
// PTX-NOT: setmaxnreg
// PTX-NOT: wgmma.wait_group.sync.aligned 1

!kv = !tok.cache<layers = [0-31], heads = 8, k = 128 x f16, v = 64 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @step(%q: memref<?x4096xf32>, %kv: !kv, %o: memref<?x2048xf32>, %b: index, %e: index, %l: index) {
  tok.kernel "attention" rows(%b to %e) layer(%l) ins(%q, %kv : memref<?x4096xf32>, !kv) outs(%o : memref<?x2048xf32>)
      {heads = 32, scale = 0.088388 : f32, window = 0, cache = 0, context = 8192, compute = "f16"}
  tok.kernel "attention" rows(%b to %e) layer(%l) ins(%q, %kv : memref<?x4096xf32>, !kv) outs(%o : memref<?x2048xf32>)
      {heads = 32, scale = 0.088388 : f32, window = 0, cache = 0, context = 8192, compute = "f16", row_tile = 64, stages = 2}
  return
}
