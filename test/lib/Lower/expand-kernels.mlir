// RUN: tokopt-opt %s --split-input-file --tok-expand-kernels | FileCheck %s

// The entry keeps the frame and the worker; everything else is read from the frame. Equal kernels are one function,
// called with the addresses of each.

tok.weight @one : tensor<32x64x!tok.q8_0> = source "m.gguf" at [0] image [0]
tok.weight @two : tensor<32x64x!tok.q8_0> = source "m.gguf" at [0] image [2176]
tok.weight @other : tensor<32x64x!tok.q4_1> = source "m.gguf" at [0] image [4352]

// CHECK: module attributes {tok.program = {kernels = [
// CHECK-SAME: {config = "{compute = \22f32\22,{{.*}}}", family = "linear", name = "linear_0"}
// CHECK-SAME: {config = {{.*}}, family = "linear", name = "linear_1"}
// CHECK-SAME: {config = {{.*}}, family = "rowwise", name = "rowwise_2"}
// CHECK-SAME: {config = {{.*}}, family = "rowwise", name = "rowwise_3"}]
// CHECK-LABEL: func.func @step(
// CHECK-SAME:    %[[FRAME:.*]]: !llvm.ptr, %[[WORKER:.*]]: i64) {
func.func @step(%ids: memref<?xi32> {tok.slot = "ids"}, %x: memref<?x64xf32> {tok.slot = "frontier"}, %y: memref<?x32xf32> {tok.slot = "logits"}) {
  // CHECK-DAG: %[[C64:.*]] = arith.constant 64 : i64
  // CHECK: llvm.getelementptr %[[FRAME]]
  %c0 = arith.constant 0 : index
  %n = memref.dim %ids, %c0 : memref<?xi32>
  // A buffer is `offset * capacity` into the workspace.
  %a = tok.buffer at 64 : memref<?x32xf32>
  // CHECK: %[[BYTES:.*]] = arith.muli %{{.*}}, %[[C64]]
  // CHECK: %[[A:.*]] = llvm.getelementptr %{{.*}}[%[[BYTES]]]
  // CHECK: call @linear_0(%[[FRAME]], %[[WORKER]], %{{.*}}, %{{.*}}, %{{.*}}, %[[W1:.*]], %{{.*}}, %[[A]])
  tok.kernel "linear" rows(%c0 to %n) weights [@one] ins(%x : memref<?x64xf32>) outs(%a : memref<?x32xf32>) {compute = "f32", inputs = 64, matrices = 1, outputs = 32, tile = 2}
  // CHECK: call @linear_0(%[[FRAME]], %[[WORKER]]
  tok.kernel "linear" rows(%c0 to %n) weights [@two] ins(%x : memref<?x64xf32>) outs(%y : memref<?x32xf32>) {compute = "f32", inputs = 64, matrices = 1, outputs = 32, tile = 2}
  // Another format is another function.
  // CHECK: call @linear_1(
  tok.kernel "linear" rows(%c0 to %n) weights [@other] ins(%x : memref<?x64xf32>) outs(%y : memref<?x32xf32>) {compute = "f32", inputs = 64, matrices = 1, outputs = 32, tile = 2}
  // CHECK: call @barrier(%[[FRAME]])
  tok.barrier
  // CHECK: call @rowwise_2(
  tok.kernel "rowwise" rows(%c0 to %n) ins(%y : memref<?x32xf32>) outs(%a : memref<?x32xf32>) {columns = 32} prologue {
  ^bb0(%v: f32):
    %0 = arith.addf %v, %v : f32
    tok.yield %0 : f32
  }
  // Another region is, too; names of values and locations do not count.
  // CHECK: call @rowwise_3(
  tok.kernel "rowwise" rows(%c0 to %n) ins(%y : memref<?x32xf32>) outs(%a : memref<?x32xf32>) {columns = 32} prologue {
  ^bb0(%v: f32):
    %0 = arith.mulf %v, %v : f32
    tok.yield %0 : f32
  }
  // CHECK: call @rowwise_2(
  tok.kernel "rowwise" rows(%c0 to %n) ins(%a : memref<?x32xf32>) outs(%y : memref<?x32xf32>) {columns = 32} prologue {
  ^bb0(%w: f32):
    %1 = arith.addf %w, %w : f32
    tok.yield %1 : f32
  }
  // CHECK-NEXT: return
  return
}
// CHECK: func.func private @linear_0(%{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64, %{{.*}}: i64, %{{.*}}: i64, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr) attributes {passthrough = ["noinline"]}
// CHECK: func.func private @linear_1(
// CHECK: func.func private @rowwise_2(
// CHECK: func.func private @rowwise_3(
// CHECK-NOT: func.func private @rowwise_4(
// CHECK: func.func private @barrier(%{{.*}}: !llvm.ptr)

// -----

// A family is addressed through a table by layer; layers that are no members have no place.

tok.weight @w layers = [0, 2] : tensor<32x64x!tok.q8_0> = source "m.gguf" at [0, 1] image [64, 4096]

// CHECK: memref.global "private" constant @offsets.w : memref<3xi64> = dense<[64, 0, 4096]>
// CHECK-LABEL: func.func @step(
func.func @step(%ids: memref<?xi32> {tok.slot = "ids"}, %x: memref<?x64xf32> {tok.slot = "frontier"}, %y: memref<?x32xf32> {tok.slot = "logits"}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = memref.dim %ids, %c0 : memref<?xi32>
  // CHECK: scf.for %[[L:.*]] =
  scf.for %l = %c0 to %n step %c1 {
    // CHECK: %[[LAYER:.*]] = arith.index_cast %[[L]]
    // CHECK: %[[TABLE:.*]] = memref.get_global @offsets.w
    // CHECK: %[[BYTES:.*]] = memref.load %[[TABLE]][%[[L]]]
    // CHECK: %[[W:.*]] = llvm.getelementptr %{{.*}}[%[[BYTES]]]
    // CHECK: call @linear_0(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[LAYER]], %[[W]]
    tok.kernel "linear" rows(%c0 to %n) layer(%l) weights [@w] ins(%x : memref<?x64xf32>) outs(%y : memref<?x32xf32>) {compute = "f32", inputs = 64, matrices = 1, outputs = 32, tile = 2}
  }
  return
}

// -----

// Two entries share functions, tables and the barrier.

tok.weight @w layers = [0] : tensor<32x64x!tok.q8_0> = source "m.gguf" at [0] image [0]

// CHECK: kernels = [{config = "{{.*}}", family = "linear", name = "linear_0"}]
// CHECK: memref.global "private" constant @offsets.w
// CHECK-NOT: memref.global
// CHECK-LABEL: func.func @step(
// CHECK: call @linear_0(
func.func @step(%ids: memref<?xi32> {tok.slot = "ids"}, %x: memref<?x64xf32> {tok.slot = "frontier"}, %y: memref<?x32xf32> {tok.slot = "logits"}) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %ids, %c0 : memref<?xi32>
  tok.kernel "linear" rows(%c0 to %n) layer(%c0) weights [@w] ins(%x : memref<?x64xf32>) outs(%y : memref<?x32xf32>) {compute = "f32", inputs = 64, matrices = 1, outputs = 32, tile = 2}
  tok.barrier
  return
}
// CHECK-LABEL: func.func @probe(
// CHECK: call @linear_0(
func.func @probe(%ids: memref<?xi32> {tok.slot = "ids"}, %x: memref<?x64xf32> {tok.slot = "frontier"}, %y: memref<?x32xf32> {tok.slot = "logits"}) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %ids, %c0 : memref<?xi32>
  tok.kernel "linear" rows(%c0 to %n) layer(%c0) weights [@w] ins(%x : memref<?x64xf32>) outs(%y : memref<?x32xf32>) {compute = "f32", inputs = 64, matrices = 1, outputs = 32, tile = 2}
  tok.barrier
  return
}
// CHECK-COUNT-1: func.func private @linear_0(
// CHECK-COUNT-1: func.func private @barrier(
// CHECK-NOT: func.func
