// Kernels that were built before are not built again.
// REQUIRES: ptxas
// RUN: rm -rf %t.d && mkdir %t.d
// RUN: env TOKOPT_CACHE=%t.d/cache tokopt-kernels %s --emit=report -o %t.d/first
// RUN: ls %t.d/cache/llvmcache-* | count 2
// RUN: FileCheck %s --input-file=%t.d/first
// CHECK: one: sm_80, LLVM IR [[HASH:[0-9a-f]+]], 32 threads
// CHECK: two: sm_80, LLVM IR

// They come out of the cache as they went in: one that is damaged is built anew.
// RUN: env TOKOPT_CACHE=%t.d/cache tokopt-kernels %s --emit=report | diff %t.d/first -
// RUN: env TOKOPT_CACHE=%t.d/cache tokopt-kernels %s --emit=cubin --kernel=two -o %t.d/two
// RUN: tokopt-kernels %s --emit=cubin --kernel=two --no-cache | cmp %t.d/two -
// RUN: for f in %t.d/cache/llvmcache-*; do echo damage >> $f; done
// RUN: env TOKOPT_CACHE=%t.d/cache tokopt-kernels %s --emit=report | diff %t.d/first -
// RUN: ls %t.d/cache/llvmcache-* | count 2

// Another target is another kernel; --no-cache keeps none.
// RUN: env TOKOPT_CACHE=%t.d/cache tokopt-kernels %s --emit=report --target=sm_90a -o /dev/null
// RUN: ls %t.d/cache/llvmcache-* | count 4
// RUN: env TOKOPT_CACHE=%t.d/none tokopt-kernels %s --emit=report --no-cache | diff %t.d/first -
// RUN: not ls %t.d/none

// Where none can be kept, they are built all the same.
// RUN: echo > %t.d/file
// RUN: env TOKOPT_CACHE=%t.d/file tokopt-kernels %s --emit=report 2>%t.d/warning | diff %t.d/first -
// RUN: FileCheck %s --check-prefix=WARNING --input-file=%t.d/warning
// WARNING: tokopt-kernels: warning: kernels are not kept: {{.*}}/file{{.*}}: {{.*}}; set TOKOPT_CACHE to a folder that can be written, or pass --no-cache

// A cubin has one kernel.
// RUN: not tokopt-kernels %s --emit=cubin 2>&1 | FileCheck %s --check-prefix=TWO
// TWO: cache.mlir: found 2 kernels, but a cubin has one: name it by --kernel
// RUN: not tokopt-kernels %s --emit=ptx --kernel=three 2>&1 | FileCheck %s --check-prefix=THREE
// THREE: cache.mlir: --kernel: found no 'three', expected one of one, two

// The simulator runs the same IR, whatever stands beside it.
// RUN: tokopt-sim %s > %t.d/simulated
// RUN: sed -n 's/.*LLVM IR \([0-9a-f]*\).*/\1/p' %t.d/first > %t.d/hashes
// RUN: count 2 < %t.d/hashes
// RUN: sed -n 's/.*LLVM IR \([0-9a-f]*\).*/\1/p' %t.d/simulated | diff %t.d/hashes -

func.func @one(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<32xi32>}}) attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {grid = [1]}} {
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %to = llvm.getelementptr %x[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %thread, %to : i32, !llvm.ptr<1>
  return
}

func.func @two(%x: !llvm.ptr<1> {tok.sim = {name = "x", buffer = tensor<64xi32>}}) attributes {tok.launch = {threads = 32, shared = 0}, tok.sim = {grid = [1]}} {
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %to = llvm.getelementptr %x[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i64
  %wide = arith.extui %thread : i32 to i64
  llvm.store %wide, %to : i64, !llvm.ptr<1>
  return
}
