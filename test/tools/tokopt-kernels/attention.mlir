// RUN: tokopt-kernels --list | FileCheck %s --check-prefix=LIST
// RUN: tokopt-kernels %s --emit=mlir | FileCheck %s --check-prefix=MLIR
// RUN: tokopt-kernels %s --emit=ptx | FileCheck %s --check-prefix=PTX
// RUN: tokopt-kernels %s --emit=llvm | FileCheck %s --check-prefix=LLVM

// LIST: rowwise
// LIST: attention
// LIST-NEXT: group: query heads that share what a block reads (1 to 8, a divisor of the query heads of a key/value head)
// LIST-NEXT: warps: warps of a block (2, 4 or 8)
// LIST-NEXT: split_rows: rows up to which blocks share the segments of a row (1 to 65535)
// LIST-NEXT: row_tile: rows of a block that computes in f16 or bf16 (64 or 128)
// LIST-NEXT: stages: blocks of keys and values that it has in shared memory (2 or 3)

// The counter of a row is the only atomic; fences of the whole device stand on
// both sides of it.
// MLIR: func.func @attention_0
// MLIR-SAME: tok.launch = {parts = 8 : i64, rows = 1 : i64, shared = {{[0-9]+}} : i64, split_rows = 63 : i64, splits = 16 : i64, threads = 128 : i64}
// MLIR: llvm.fence syncscope("device") acq_rel
// MLIR-NOT: llvm.store
// MLIR: llvm.atomicrmw uinc_wrap {{.*}} syncscope("device") monotonic
// MLIR-NEXT: llvm.fence syncscope("device") acq_rel
// MLIR: func.func @attention_1
// MLIR-SAME: threads = 64 : i64
// No grid has a block for each of more than 65535 segments.
// MLIR: func.func @attention_2
// MLIR-SAME: splits = 65535 : i64

// Keys and values are loaded by 16 bytes.
// LLVM-LABEL: define ptx_kernel void @attention_0
// LLVM: load <8 x half>, ptr addrspace(1) {{.*}}, align 16

// PTX-LABEL: .visible .entry attention_0
// PTX: ld.global.v4
// PTX: fence.acq_rel.gpu
// PTX: inc.u32

!kv = !tok.cache<layers = [0-31], heads = 8, k = 128 x f16, v = 128 x f16, page = 64, keys = post_rope, window = 0, sinks = 0, residual = 0, tables = shared, columns = [pos], digests = []>
func.func @step(%q: memref<?x4096xf32>, %kv: !kv, %o: memref<?x4096xf32>, %b: index, %e: index, %l: index) {
  tok.kernel "attention" rows(%b to %e) layer(%l) ins(%q, %kv : memref<?x4096xf32>, !kv) outs(%o : memref<?x4096xf32>)
      {heads = 32, scale = 0.088388 : f32, window = 0, cache = 0, context = 8192}
  tok.kernel "attention" rows(%b to %e) layer(%l) ins(%q, %kv : memref<?x4096xf32>, !kv) outs(%o : memref<?x4096xf32>)
      {heads = 32, scale = 0.088388 : f32, window = 0, cache = 0, context = 8192, group = 2, warps = 2, split_rows = 4}
  tok.kernel "attention" rows(%b to %e) layer(%l) ins(%q, %kv : memref<?x4096xf32>, !kv) outs(%o : memref<?x4096xf32>)
      {heads = 32, scale = 0.088388 : f32, window = 0, cache = 0, context = 33553921}
  return
}
