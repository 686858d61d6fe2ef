// RUN: tokopt-opt %s --tok-wrap-entries --split-input-file --verify-diagnostics | FileCheck %s

!row = memref<?x20xf32, strided<[?, 1], offset: ?>>
!keys = memref<?x1x2x8x64xf32, strided<[?, 1024, 512, 64, 1], offset: ?>>
!table = memref<?x?xi32, strided<[?, 1], offset: ?>>
module attributes {tok.program = {caches = [{name = "a", page_bytes = 8192 : i64, slots = 64 : i64},
                                            {name = "b", page_bytes = 4096 : i64, slots = 64 : i64}]}} {
  // Roles are no longer told below.
  // CHECK-LABEL: func.func private @step_body(
  // CHECK-NOT:     tok.
  // CHECK:         return
  func.func @step(%f: !row {tok.slot = "frontier"}, %full: index {tok.slot = "full_rows"},
                  %ak: !keys {tok.slot = "a.keys"}, %av: !keys {tok.slot = "a.values"},
                  %at: !table {tok.slot = "a.table"}, %bk: !keys {tok.slot = "b.keys"}) {
    return
  }
  // CHECK-LABEL: func.func @step(
  // CHECK-SAME:    %[[FRAME:.*]]: !llvm.ptr, %[[WORKER:.*]]: i64) {
  // CHECK:         %[[FIRST:.*]] = arith.cmpi eq, %[[WORKER]]
  // CHECK:         scf.if %[[FIRST]] {
  // The frontier has as many rows as the step, 32 floats apart.
  // CHECK:           llvm.getelementptr %[[FRAME]][17]
  // CHECK:           llvm.getelementptr %[[FRAME]][4]
  // CHECK:           llvm.mlir.constant(32 : i64)
  // CHECK:           builtin.unrealized_conversion_cast {{.*}} to memref<?x20xf32
  // CHECK:           llvm.getelementptr %[[FRAME]][5]
  // A page of the first cache holds 2048 floats; values follow 4096 bytes of keys.
  // CHECK:           llvm.getelementptr %[[FRAME]][21]
  // CHECK-NEXT:      %[[CACHES:.*]] = llvm.load
  // CHECK:           llvm.getelementptr %[[CACHES]][0]
  // CHECK:           llvm.mlir.constant(2048 : i64)
  // CHECK:           llvm.mlir.constant(4096 : i64)
  // CHECK:           llvm.getelementptr %{{.*}}[1] : (!llvm.ptr) -> !llvm.ptr, i64
  // CHECK:           llvm.getelementptr %{{.*}}[2] : (!llvm.ptr) -> !llvm.ptr, i64
  // The second cache is the second of the frame's array.
  // CHECK:           llvm.getelementptr %{{.*}}[3] : (!llvm.ptr) -> !llvm.ptr, i64
  // CHECK:           llvm.mlir.constant(1024 : i64)
  // CHECK:           func.call @step_body(
}

// -----

// CHECK-LABEL: func.func @plain(
// CHECK-SAME:    %{{.*}}: index) {
// CHECK-NEXT:    return
func.func @plain(%n: index) {
  return
}

// -----

// expected-error @below {{expects an entry whose results are written to their slots in place, but it returns 'index'}}
func.func @step(%n: index {tok.slot = "rows"}) -> index {
  return %n : index
}

// -----

// expected-error @below {{expects every argument of an entry to be a slot of the frame, but argument 1 is none}}
func.func @step(%n: index {tok.slot = "rows"}, %m: index) {
  return
}

// -----

// expected-error @below {{expects every argument of an entry to be a slot of the frame, but argument 0 is speed}}
func.func @step(%n: index {tok.slot = "speed"}) {
  return
}

// -----

// A cache must be described, and a row must be dense.
// expected-error @below {{argument 0 is kv.keys}}
func.func @step(%k: memref<?x1x2x8x64xf32> {tok.slot = "kv.keys"}) {
  return
}

// -----

// expected-error @below {{argument 0 is frontier}}
func.func @step(%x: memref<?x?xf32> {tok.slot = "frontier"}) {
  return
}

// -----

// A name that is taken is not taken again.
// CHECK-LABEL: func.func private @step_body_0(
// CHECK-LABEL: func.func @step(
// CHECK:         call @step_body_0(
// CHECK-LABEL: func.func @step_body()
func.func @step(%n: index {tok.slot = "rows"}) {
  return
}
func.func @step_body() {
  return
}
