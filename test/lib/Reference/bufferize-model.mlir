// RUN: tokopt-opt %s --tok-bufferize-model --split-input-file | FileCheck %s

// Rows are some distance apart, a row is dense; results are where they go.
// CHECK-LABEL: func.func private @kind(
// CHECK-SAME:    %[[X:.*]]: memref<?x8xf32, strided<[?, 1], offset: ?>>, %[[INTO:.*]]: memref<?x8xf32, strided<[?, 1], offset: ?>>) {
// CHECK-NOT:     memref.alloc
// CHECK-NOT:     memref.copy
// CHECK:         linalg.generic {{.*}} ins(%[[X]]
// CHECK:         return{{$}}
func.func private @kind(%x: tensor<?x8xf32>, %into: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %into, %c0 : tensor<?x8xf32>
  %y = tensor.insert_slice %x into %into[0, 0] [%n, 8] [1, 1] : tensor<?x8xf32> into tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// What a kind returns is in the caller's buffer; an entry's cache stays in
// place through a loop of calls.
// CHECK-LABEL: func.func private @append(
// CHECK-SAME:    %[[POOL:.*]]: memref<?x2x4xf32, strided<[?, 4, 1], offset: ?>>, %{{.*}}: index) {
// CHECK:         memref.store %{{.*}}, %[[POOL]]
func.func private @append(%pool: tensor<?x2x4xf32>, %i: index) -> tensor<?x2x4xf32> {
  %one = arith.constant 1.0 : f32
  %c0 = arith.constant 0 : index
  %next = tensor.insert %one into %pool[%i, %c0, %c0] : tensor<?x2x4xf32>
  return %next : tensor<?x2x4xf32>
}

// CHECK-LABEL: func.func @entry(
// CHECK-SAME:    %[[POOL:.*]]: memref<?x2x4xf32, strided<[?, 4, 1], offset: ?>>, %[[N:.*]]: index) {
// CHECK-NOT:     memref.alloc
// CHECK:         scf.for %[[I:.*]] = {{.*}} {
// CHECK-NEXT:      func.call @append(%[[POOL]], %[[I]])
// CHECK-NEXT:    }
// CHECK-NEXT:    return{{$}}
func.func @entry(%pool: tensor<?x2x4xf32>, %n: index) -> tensor<?x2x4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %out = scf.for %i = %c0 to %n step %c1 iter_args(%p = %pool) -> tensor<?x2x4xf32> {
    %next = func.call @append(%p, %i) : (tensor<?x2x4xf32>, index) -> tensor<?x2x4xf32>
    scf.yield %next : tensor<?x2x4xf32>
  }
  return %out : tensor<?x2x4xf32>
}

// -----

// A result that is computed straight into its destination needs no memory.
// CHECK-LABEL: func.func @straight(
// CHECK-SAME:    %[[INTO:.*]]: memref<?x8xf32, strided<[?, 1], offset: ?>>)
// CHECK-NOT:     memref.alloc
// CHECK:         linalg.fill ins(%{{.*}} : f32) outs(%{{.*}}
// CHECK-NOT:     linalg.generic
// CHECK:         return{{$}}
func.func @straight(%into: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %into, %c0 : tensor<?x8xf32>
  %e = tensor.empty(%n) : tensor<?x8xf32>
  %y = linalg.fill ins(%zero : f32) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
  %z = tensor.insert_slice %y into %into[0, 0] [%n, 8] [1, 1] : tensor<?x8xf32> into tensor<?x8xf32>
  return %z : tensor<?x8xf32>
}

// -----

// CHECK-LABEL: func.func @scalars(
// CHECK-SAME:    %[[A:.*]]: index) -> index {
// CHECK-NEXT:    %[[B:.*]] = arith.addi %[[A]], %[[A]]
// CHECK-NEXT:    return %[[B]] : index
func.func @scalars(%a: index) -> index {
  %b = arith.addi %a, %a : index
  return %b : index
}

// The bundler computes weights: what stands in one gets no memory.
// CHECK:      tok.weight @w : tensor<4x64xf32> = source "m.gguf" at [0] : tensor<4x64x!tok.q8_0> {
// CHECK-NEXT: ^bb0(%[[W:.*]]: tensor<4x64x!tok.q8_0>):
// CHECK-NEXT:   tok.dequantize %[[W]] : tensor<4x64x!tok.q8_0>
tok.weight @w : tensor<4x64xf32> = source "m.gguf" at [0] : tensor<4x64x!tok.q8_0> {
^bb0(%w: tensor<4x64x!tok.q8_0>):
  %d = tok.dequantize %w : tensor<4x64x!tok.q8_0>
  tok.yield %d : tensor<4x64xf32>
}
