// RUN: tokopt-opt %s --tok-trap-assertions | FileCheck %s

// CHECK-LABEL: func.func @asserted(
// CHECK-SAME:    %[[OK:.*]]: i1) {
// CHECK-NEXT:    scf.if %[[OK]] {
// CHECK-NEXT:    } else {
// CHECK-NEXT:      llvm.intr.trap
// CHECK-NEXT:    }
// CHECK-NEXT:    return
func.func @asserted(%ok: i1) {
  cf.assert %ok, "rows"
  return
}

// CHECK-LABEL: func.func @plain(
// CHECK-NEXT:    return
func.func @plain(%ok: i1) {
  return
}
