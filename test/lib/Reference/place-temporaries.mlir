// RUN: tokopt-opt %s --tok-place-temporaries --split-input-file --verify-diagnostics | FileCheck %s

// The callee's places begin where its caller's end.
// CHECK:       module attributes {tok.program = {fixed_bytes = 12800 : i64, row_bytes = 896 : i64}}
// CHECK-LABEL: func.func private @kind(
// CHECK-SAME:    %[[N:.*]]: index, %[[WS:.*]]: memref<?xi8> {tok.slot = "workspace"}, %[[CAP:.*]]: index {tok.slot = "capacity"})
// CHECK-DAG:     %[[ROW:.*]] = arith.constant 448 : index
// CHECK-DAG:     %[[PLACE:.*]] = arith.muli %[[CAP]], %[[ROW]]
// CHECK-DAG:     %[[FIXED:.*]] = arith.constant 6400 : index
// CHECK:         %[[AT:.*]] = arith.addi %[[PLACE]], %[[FIXED]]
// CHECK:         memref.view %[[WS]][%[[AT]]][%[[N]]] : memref<?xi8> to memref<?x112xf32>
// CHECK:         memref.view %[[WS]]{{.*}} : memref<?xi8> to memref<1600xf32>
func.func private @kind(%n: index) {
  %a = memref.alloc(%n) : memref<?x112xf32>
  %b = memref.alloc() : memref<1600xf32>
  return
}

// Small ones of static size go to the stack, once.
// CHECK-LABEL: func.func @entry(
// CHECK-SAME:    %[[N:.*]]: index, %[[WS:.*]]: memref<?xi8> {tok.slot = "workspace"}, %[[CAP:.*]]: index {tok.slot = "capacity"})
// CHECK-NEXT:    memref.alloca() {alignment = 64 : i64} : memref<64xf32>
// CHECK:         memref.view {{.*}} to memref<?x100xf32>
// CHECK:         scf.for
// CHECK-NOT:       memref.alloc
// CHECK:           func.call @kind(%{{.*}}, %[[WS]], %[[CAP]])
func.func @entry(%n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %a = memref.alloc(%n) : memref<?x100xf32>
  %b = memref.alloc() : memref<1600xf32>
  scf.for %i = %c0 to %n step %c1 {
    %s = memref.alloc() : memref<64xf32>
    func.call @kind(%n) : (index) -> ()
  }
  return
}

// -----

// A function without temporaries and calls gets the arguments and nothing else.
// CHECK-LABEL: func.func @none(
// CHECK-NEXT:    return
func.func @none() {
  return
}

// -----

// expected-error @below {{calls itself; expects functions without recursion}}
func.func private @f() {
  func.call @f() : () -> ()
  return
}

// -----

func.func @cache(%n: index) {
  // expected-error @below {{expects a temporary whose only run-time size is a number of rows, but got 'memref<?x2x1x64x32xf32>'; a cache that is not updated in place looks so}}
  %a = memref.alloc(%n) : memref<?x2x1x64x32xf32>
  return
}

// -----

func.func @two_sizes(%n: index) {
  // expected-error @below {{expects a temporary whose only run-time size is a number of rows, but got 'memref<?x?xf32>'}}
  %a = memref.alloc(%n, %n) : memref<?x?xf32>
  return
}

// -----

func.func @huge() {
  // expected-error @below {{expects at most 2^48 bytes, but got 'memref<1099511627776x1024xf32>'}}
  %a = memref.alloc() : memref<1099511627776x1024xf32>
  return
}

// -----

func.func @many() {
  %a = memref.alloc() : memref<140737488355328xi8>
  // expected-error @below {{expects temporaries of at most 2^48 bytes}}
  %b = memref.alloc() : memref<211106232532992xi8>
  return
}
