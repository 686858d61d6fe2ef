// RUN: tokopt-opt %s --split-input-file --tok-specialize-few-rows | FileCheck %s
// RUN: tokopt-opt %s --split-input-file --tok-specialize-few-rows > %t.once
// RUN: tokopt-opt %t.once --split-input-file --tok-specialize-few-rows | diff %t.once -
// RUN: tokopt-opt %s --split-input-file --tok-specialize-few-rows=rows=2 | FileCheck %s --check-prefix=TWO
// On CUDA no block computes rows for itself.
// RUN: tokopt-opt %s --split-input-file --tok-specialize-few-rows=target=cuda | FileCheck %s --check-prefix=CUDA
// CUDA-NOT: scf.if
// RUN: not tokopt-opt %s --split-input-file --tok-specialize-few-rows=rows=-1 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: tokopt-opt %s --split-input-file --tok-specialize-few-rows --tok-plan-buffers --tok-insert-barriers | FileCheck %s --check-prefix=BARRIERS

// NONE: tok-specialize-few-rows: expects rows to be at least 1, or 0 for what the target says, but got -1

// With few rows every worker has the rounded row for itself: nobody waits for it.

tok.weight @w : tensor<96x96x!tok.q4_1> = source "m.gguf" at [0]

// CHECK-LABEL: func.func @step(
// CHECK-SAME: %[[IDS:[^:]*]]: memref<?xi32>
// TWO: worker_rows = 2
// BARRIERS-LABEL: func.func @step(
func.func @step(%ids: memref<?xi32> {tok.slot = "ids"}, %x: memref<?x96xf32> {tok.slot = "frontier"}, %b: index {tok.slot = "layer_begin"}) {
  // A number between two kernels stays outside.
  // CHECK: arith.addi
  // CHECK: %[[ROWS:.*]] = memref.dim %[[IDS]]
  // CHECK: %[[FEW:.*]] = arith.cmpi ule, %[[ROWS]], %c4
  // CHECK: scf.if %[[FEW]] {
  // CHECK: %[[OWN:.*]] = tok.buffer worker_rows = 4 : memref<?x144xi8>
  // CHECK: tok.kernel "rowwise" {{.*}} outs(%[[OWN]] : memref<?x144xi8>) {columns = 96 : i64, replicated}
  // CHECK: scf.for
  // CHECK: tok.kernel "linear" {{.*}} ins(%[[OWN]]
  // CHECK: } else {
  // CHECK: tok.buffer : memref<?x144xi8>
  // CHECK: tok.kernel "rowwise" {{.*}} {columns = 96 : i64}
  // CHECK: scf.for
  // CHECK: tok.kernel "linear"
  // CHECK: }
  // CHECK: return
  // BARRIERS: scf.if
  // It lies behind what the linear itself needs.
  // BARRIERS: tok.buffer worker_rows = 4 at {{[1-9][0-9]*}} :
  // BARRIERS-NOT: tok.barrier
  // BARRIERS: tok.kernel "rowwise"
  // BARRIERS-NOT: tok.barrier
  // BARRIERS: tok.kernel "linear"
  // BARRIERS: else
  // BARRIERS: tok.kernel "rowwise"
  // BARRIERS: tok.barrier
  // BARRIERS: tok.kernel "linear"
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = memref.dim %ids, %c0 : memref<?xi32>
  %y = tok.buffer : memref<?x144xi8>
  tok.kernel "rowwise" rows(%c0 to %n) ins(%x : memref<?x96xf32>) outs(%y : memref<?x144xi8>) {columns = 96}
  %last = arith.addi %b, %c1 : index
  scf.for %l = %b to %last step %c1 {
    %z = tok.buffer : memref<?x96xf32>
    tok.kernel "linear" rows(%c0 to %n) weights [@w] ins(%y : memref<?x144xi8>) outs(%z : memref<?x96xf32>) {compute = "i8", inputs = 96, matrices = 1, outputs = 96}
  }
  return
}

// -----

// What anything but a linear reads, or reads as a residual, is still shared; so is what two kernels write. Then nothing is gained.

tok.weight @w : tensor<96x96xf32> = source "m.gguf" at [0]

// CHECK-LABEL: func.func @step(
// CHECK-NOT: scf.if
// CHECK-NOT: worker_rows
// CHECK: return
func.func @step(%ids: memref<?xi32> {tok.slot = "ids"}, %x: memref<?x96xf32> {tok.slot = "frontier"}) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %ids, %c0 : memref<?xi32>
  %a = tok.buffer : memref<?x96xf32>
  %b = tok.buffer : memref<?x96xf32>
  %c = tok.buffer : memref<?x96xf32>
  tok.kernel "rowwise" rows(%c0 to %n) ins(%x : memref<?x96xf32>) outs(%a : memref<?x96xf32>) {columns = 96}
  tok.kernel "rowwise" rows(%c0 to %n) ins(%a : memref<?x96xf32>) outs(%b : memref<?x96xf32>) {columns = 96}
  tok.kernel "rowwise" rows(%c0 to %c0) ins(%x : memref<?x96xf32>) outs(%b : memref<?x96xf32>) {columns = 96}
  tok.kernel "linear" rows(%c0 to %n) weights [@w] ins(%b, %a : memref<?x96xf32>, memref<?x96xf32>) outs(%c : memref<?x96xf32>) {compute = "f32", inputs = 96, matrices = 1, outputs = 96} epilogue {
  ^bb0(%sum: f32, %residual: f32):
    %y = arith.addf %residual, %sum : f32
    tok.yield %y : f32
  }
  tok.kernel "rowwise" rows(%c0 to %n) ins(%c : memref<?x96xf32>) outs(%x : memref<?x96xf32>) {columns = 96}
  return
}

// -----

// A function that no step's rows reach is left as it is.

// CHECK-LABEL: func.func @other(
// CHECK-NOT: scf.if
// CHECK: return
func.func @other(%x: memref<?x96xf32>, %n: index) {
  %y = tok.buffer : memref<?x96xf32>
  tok.kernel "rowwise" rows(%n to %n) ins(%x : memref<?x96xf32>) outs(%y : memref<?x96xf32>) {columns = 96}
  return
}
