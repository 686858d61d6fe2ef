// RUN: tokopt-opt %s --split-input-file --tok-convert-to-llvm --verify-diagnostics | FileCheck %s --check-prefixes=CHECK,DESCRIPTOR
// RUN: tokopt-opt %s --split-input-file --tok-convert-to-llvm=bare-pointers=true --verify-diagnostics | FileCheck %s --check-prefixes=CHECK,BARE

// Every dialect of the conversion.
// CHECK-LABEL:      llvm.func @all(
// DESCRIPTOR-SAME:    !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64, %{{.*}}: i64, %{{.*}}: i64
// BARE-SAME:          %{{.*}}: !llvm.ptr, %{{[^:]*}}: i64
// CHECK:              llvm.fcmp
// CHECK:              llvm.cond_br
// CHECK:              llvm.call @callee
// CHECK:              llvm.intr.fma
// CHECK:              llvm.mlir.poison
// CHECK:              llvm.return
func.func private @callee(i64)
func.func @all(%m: memref<8xf32>, %i: index) -> (f32, i64) {
  %one = index.constant 1
  %j = index.add %i, %one
  %x = memref.load %m[%j] : memref<8xf32>
  %is = arith.cmpf olt, %x, %x : f32
  cf.cond_br %is, ^then, ^else
^then:
  %n = arith.index_cast %j : index to i64
  call @callee(%n) : (i64) -> ()
  cf.br ^else
^else:
  %y = math.fma %x, %x, %x : f32
  %none = ub.poison : i64
  return %y, %none : f32, i64
}

// -----

// What is LLVM stays, and so does what stands beside functions.
// CHECK:       tok.weight @w : tensor<96xf32>
// CHECK-LABEL: llvm.func @step(
// CHECK-NEXT:    llvm.load
// CHECK-NEXT:    llvm.store
// CHECK-NEXT:    llvm.return
tok.weight @w : tensor<96xf32> = source "m.gguf" at [0]
llvm.func @step(%frame: !llvm.ptr, %worker: i64) {
  %0 = llvm.load %frame : !llvm.ptr -> i64
  llvm.store %worker, %frame : i64, !llvm.ptr
  llvm.return
}

// -----

// A function that is private stays so.
// CHECK: llvm.func @part() attributes {{.*}}sym_visibility = "private"
func.func private @part() {
  return
}

// -----

func.func @loop(%n: index) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  // expected-error @below {{failed to legalize operation 'scf.for'}}
  scf.for %i = %zero to %n step %one {
  }
  return
}

// -----

func.func @wait() {
  // expected-error @below {{failed to legalize operation 'tok.barrier'}}
  tok.barrier
  return
}
