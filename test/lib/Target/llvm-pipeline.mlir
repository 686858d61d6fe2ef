// The way to the LLVM dialect in one name, and in the names of its steps.
// RUN: tokopt-opt %s --tok-llvm-pipeline -o %t.whole
// RUN: tokopt-opt %s --pass-pipeline='builtin.module(func.func(canonicalize,cse,tok-expand,convert-scf-to-cf,convert-vector-to-llvm),tok-convert-to-llvm,reconcile-unrealized-casts)' -o %t.steps
// RUN: cmp %t.whole %t.steps
// RUN: FileCheck %s --input-file=%t.whole
// RUN: tokopt-opt %s --tok-llvm-pipeline=bare-pointers=true | FileCheck %s --check-prefix=BARE

// CHECK-LABEL: llvm.func @double(
// CHECK-SAME:    %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i64
// CHECK-NOT:   {{scf|vector\.|memref|math|arith|builtin.unrealized}}
// CHECK:         llvm.fadd %{{.*}}, %{{.*}} : vector<8xf32>
// CHECK:         llvm.return
// BARE-LABEL:  llvm.func @double(%{{[^:]*}}: !llvm.ptr)
func.func @double(%x: memref<64xf32>) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %c64 = arith.constant 64 : index
  scf.for %i = %c0 to %c64 step %c8 {
    %0 = vector.load %x[%i] : memref<64xf32>, vector<8xf32>
    %1 = arith.addf %0, %0 : vector<8xf32>
    vector.store %1, %x[%i] : memref<64xf32>, vector<8xf32>
  }
  return
}
