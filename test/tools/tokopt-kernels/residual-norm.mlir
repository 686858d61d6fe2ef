// RUN: tokopt-kernels %s --emit=mlir --mlir-print-debuginfo | FileCheck %s --check-prefix=MLIR
// RUN: tokopt-kernels %s --emit=llvm | FileCheck %s --check-prefix=LLVM
// RUN: tokopt-kernels %s --emit=ptx | FileCheck %s --check-prefix=PTX
// RUN: tokopt-kernels %s --emit=ptx --target=sm_90a | FileCheck %s --check-prefix=PTX90
// RUN: tokopt-kernels %s --emit=mlir --mlir-print-debuginfo | not grep Vocabulary

// Every op carries the line of the template that emitted it.
// MLIR: func.func @rowwise_0(%{{.*}}: !llvm.ptr<1>
// MLIR-SAME: tok.launch = {rows = 1 : i64, shared = 20 : i64, threads = 160 : i64}
// MLIR: nvvm.shfl.sync bfly {{.*}} loc([[LINE:#loc[0-9]+]])
// MLIR: nvvm.barrier0 loc([[LINE]])
// MLIR: [[LINE]] = loc("lib/Kernels/Cuda/Rowwise.cpp":{{[0-9]+}}:0)

// LLVM: define ptx_kernel void @rowwise_0(ptr addrspace(1)
// LLVM: load <4 x float>, ptr addrspace(1) {{.*}}, align 16
// LLVM: !DIFile(filename: "Rowwise.cpp", directory: "lib/Kernels/Cuda")

// A row's elements are loaded and stored by 16 bytes. Divisions and roots are
// the exact ones.
// PTX: .version 7.0
// PTX: .target sm_80
// PTX: .visible .entry rowwise_0
// PTX: .reqntid 160
// PTX: ld.global.v4
// PTX: shfl.sync.bfly
// PTX: bar.sync
// PTX: sqrt.rn.f32
// PTX: st.global.v4

// PTX90: .version 8.0
// PTX90: .target sm_90a

tok.weight @w : tensor<576xf32> = source "weights" at [0]
func.func @step(%x: memref<?x576xf32>, %r: memref<?x576xf32>, %y: memref<?x576xf32>, %b: index, %e: index) {
  tok.kernel "rowwise" rows(%b to %e) weights [@w] ins(%x, %r : memref<?x576xf32>, memref<?x576xf32>)
      outs(%x, %y : memref<?x576xf32>, memref<?x576xf32>) {columns = 576} prologue {
  ^bb0(%a: f32, %c: f32, %w: f32):
    %s = arith.addf %a, %c : f32
    %q = arith.mulf %s, %s : f32
    %t = tok.reduce_row %q
    %n = arith.constant 576.0 : f32
    %eps = arith.constant 1.0e-5 : f32
    %m = arith.divf %t, %n : f32
    %v = arith.addf %m, %eps : f32
    %d = math.sqrt %v : f32
    %u = arith.divf %s, %d : f32
    %o = arith.mulf %u, %w : f32
    tok.yield %s, %o : f32, f32
  }
  return
}
