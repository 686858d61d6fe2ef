// RUN: tokopt-opt %s --split-input-file --tok-expand-probes --verify-diagnostics | FileCheck %s
// RUN: tokopt-opt %s --split-input-file --tok-decompose --tok-bufferize-model 2>/dev/null | FileCheck %s --check-prefix=BUFFER

// The hook is handed down to where the probes are. A value is told by the address of its first row, the number of rows and
// the bytes between them.

!rows = memref<?x8xf32, strided<[?, 1], offset: ?>>
module attributes {tok.probes = [{kernel = 0 : i64, label = "x", value = "x", type = "f32", columns = 8 : i64, rows = "step"}]} {
  // CHECK-LABEL: func.func private @layer(
  // CHECK-SAME:    %[[X:[^:]*]]: memref<?x8xf32, strided<[?, 1], offset: ?>>, %[[L:[^:]*]]: index, %[[HOOK:[^:]*]]: index {tok.slot = "instrument"}, %[[DATA:[^:]*]]: index {tok.slot = "instrument_data"})
  // CHECK:         %[[HEARD:.*]] = arith.cmpi ne, %[[HOOK]], %{{.*}} : index
  // CHECK:         scf.if %[[HEARD]] {
  // CHECK:           %[[CALLED:.*]] = llvm.inttoptr
  // CHECK:           %[[ITS:.*]] = llvm.inttoptr
  // CHECK:           %{{.*}}, %[[OFFSET:.*]], %[[SIZES:.*]]:2, %[[STRIDES:.*]]:2 = memref.extract_strided_metadata %[[X]]
  // CHECK:           %[[BASE:.*]] = memref.extract_aligned_pointer_as_index %[[X]]
  // CHECK:           %[[SIZE:.*]] = arith.constant 4 : index
  // CHECK:           %[[BEGIN:.*]] = arith.muli %[[OFFSET]], %[[SIZE]]
  // CHECK:           %[[DISTANCE:.*]] = arith.muli %[[STRIDES]]#0, %[[SIZE]]
  // CHECK:           arith.addi %[[BASE]], %[[BEGIN]]
  // CHECK:           llvm.call %[[CALLED]](%[[ITS]], %{{.*}}) : !llvm.ptr, (!llvm.ptr, i64, i64, i64, i64, !llvm.ptr, i64) -> ()
  func.func private @layer(%x: !rows, %l: index) {
    tok.probe 0 layer(%l) of(%x : !rows)
    return
  }
  // CHECK-LABEL: func.func private @other(
  // CHECK-SAME:    %{{[^:]*}}: index)
  func.func private @other(%l: index) {
    return
  }
  // CHECK-LABEL: func.func @step(
  // CHECK-SAME:    %{{[^:]*}}: memref<?x8xf32, strided<[?, 1], offset: ?>> {tok.slot = "frontier"}, %[[L2:[^:]*]]: index {tok.slot = "rows"}, %[[HOOK2:[^:]*]]: index {tok.slot = "instrument"}, %[[DATA2:[^:]*]]: index {tok.slot = "instrument_data"})
  // CHECK:         call @layer(%{{.*}}, %[[L2]], %[[HOOK2]], %[[DATA2]])
  // CHECK:         call @other(%[[L2]])
  func.func @step(%x: !rows {tok.slot = "frontier"}, %l: index {tok.slot = "rows"}) {
    call @layer(%x, %l) : (!rows, index) -> ()
    call @other(%l) : (index) -> ()
    return
  }
}

// -----

// A tensor's probe looks at the buffer that the next reader reads; it makes no copy of its own.

// BUFFER-LABEL: func.func @step(
// BUFFER:         %[[H:.*]] = memref.alloc
// BUFFER:         linalg.generic
// BUFFER:         tok.probe 0 of(%[[H]] : memref<?x8xf32>)
// BUFFER-NEXT:    memref.alloc
// BUFFER-NEXT:    linalg.generic {{.*}} ins(%[[H]], %{{.*}} :
module attributes {tok.probes = [{kernel = 0 : i64, label = "h", value = "h", type = "f32", columns = 8 : i64, rows = "step"}]} {
  func.func @step(%x: tensor<?x8xf32> {tok.slot = "frontier"}) -> (tensor<?x8xf32> {tok.slot = "frontier"}) {
    %h = tok.gated %x, %x silu : tensor<?x8xf32>
    // expected-error @+1 {{expects all rows of a buffer whose rows are dense; run tok-bufferize-model first}}
    tok.probe 0 of(%h : tensor<?x8xf32>)
    %y = tok.gated %h, %x silu : tensor<?x8xf32>
    return %y : tensor<?x8xf32>
  }
}

// -----

// Nothing is done without probes.

// CHECK-LABEL: func.func @plain(
// CHECK-SAME:    %{{[^:]*}}: index {tok.slot = "rows"}) {
func.func @plain(%rows: index {tok.slot = "rows"}) {
  return
}
