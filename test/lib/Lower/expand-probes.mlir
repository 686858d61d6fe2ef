// RUN: tokopt-opt %s --split-input-file --tok-expand-kernels --verify-diagnostics | FileCheck %s

// A probe calls the hook that worker 0 finds in slot 22 of the frame, if there is one, with the data of slot 23.

module attributes {tok.probes = [{kernel = 0 : i64, label = "rowwise x", value = "x", type = "f32", columns = 20 : i64, rows = "step"},
                                 {kernel = 1 : i64, label = "rowwise"}]} {
  // CHECK-LABEL: func.func @step(
  // CHECK-SAME:    %[[FRAME:.*]]: !llvm.ptr, %[[WORKER:.*]]: i64)
  // CHECK-DAG:     %[[NULL:.*]] = llvm.mlir.zero
  // CHECK:         %[[FIRST:.*]] = arith.cmpi eq, %[[WORKER]]
  // CHECK:         %[[OFFSET:.*]] = arith.constant 176 : i64
  // CHECK:         %[[SLOT:.*]] = llvm.getelementptr %[[FRAME]][%[[OFFSET]]]
  // CHECK:         %[[GIVEN:.*]] = llvm.load %[[SLOT]]
  // CHECK:         %[[HOOK:.*]] = llvm.select %[[FIRST]], %[[GIVEN]], %[[NULL]]
  // CHECK:         arith.constant 184 : i64
  // CHECK:         %[[DATA:.*]] = llvm.load
  // CHECK:         %[[HEARD:.*]] = llvm.icmp "ne" %[[HOOK]], %[[NULL]]
  func.func @step(%ids: memref<?xi32> {tok.slot = "ids"}, %x: memref<?x20xf32> {tok.slot = "frontier"}, %l: index {tok.slot = "layer_begin"}) {
    %c0 = arith.constant 0 : index
    %n = memref.dim %ids, %c0 : memref<?xi32>
    %y = tok.buffer at 64 : memref<?x20xf32>
    tok.kernel "rowwise" rows(%c0 to %n) ins(%x : memref<?x20xf32>) outs(%y : memref<?x20xf32>) {columns = 20} prologue {
    ^bb0(%v: f32):
      tok.yield %v : f32
    }
    // Rows are 128 bytes apart.
    // CHECK:     call @rowwise_0(%{{.*}}, %[[Y:[^,)]*]]) :
    // CHECK:     scf.if %[[HEARD]] {
    // CHECK-DAG:   %[[NUMBER:.*]] = arith.constant 0 : i64
    // CHECK-DAG:   %[[BYTES:.*]] = arith.constant 128 : i64
    // CHECK:       llvm.call %[[HOOK]](%[[DATA]], %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[Y]], %[[BYTES]]) : !llvm.ptr, (!llvm.ptr, i64, i64, i64, i64, !llvm.ptr, i64) -> ()
    tok.probe 0 rows(%c0 to %n) layer(%l) of(%y : memref<?x20xf32>)
    // CHECK:     scf.if %[[HEARD]] {
    // CHECK-DAG:   %[[ONE:.*]] = arith.constant 1 : i64
    // CHECK-DAG:   %[[NONE:.*]] = arith.constant -1 : i64
    // CHECK:       llvm.call %[[HOOK]](%[[DATA]], %[[ONE]], %[[NONE]], %{{.*}}, %{{.*}}, %[[NULL]], %{{.*}})
    tok.probe 1 rows(%c0 to %n)
    return
  }
}

// -----

// Off means absent: code without probes does not look at the slots.

// CHECK-LABEL: func.func @step(
// CHECK-NOT:     arith.constant 176 : i64
// CHECK-NOT:     arith.constant 184 : i64
// CHECK:         return
func.func @step(%ids: memref<?xi32> {tok.slot = "ids"}, %x: memref<?x20xf32> {tok.slot = "frontier"}) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %ids, %c0 : memref<?xi32>
  tok.kernel "rowwise" rows(%c0 to %n) ins(%x : memref<?x20xf32>) outs(%x : memref<?x20xf32>) {columns = 20} prologue {
  ^bb0(%v: f32):
    tok.yield %v : f32
  } {names = ["x"]}
  return
}

// -----

module attributes {tok.probes = [{kernel = 0 : i64, label = "x", value = "x", type = "f32", columns = 20 : i64, rows = "step"}]} {
  func.func @step(%x: memref<?x20xf32> {tok.slot = "frontier"}) {
    // expected-error @+1 {{expects rows of an argument of the entry or of a buffer}}
    tok.probe 0 of(%x : memref<?x20xf32>)
    return
  }
}
